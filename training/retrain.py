#!/usr/bin/env python3
"""From assets to models/generator and models/generator-small in one command: renders, trains, exports, measures. Each step goes on where it was interrupted.

    KSAMENET_PROXY_ASSETS=DIR python retrain.py --work WORK --minutes 105 [--recognizer sface.onnx]
    python retrain.py --work WORK --photos MANIFEST.csv --mesh face_mesh_478.onnx --detector yunet.onnx

With --photos the donors are the manifest's people instead of rendered ones (photos.py; everybody must have consented).
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def run(script, *args):
    subprocess.run([sys.executable, str(HERE / script), *map(str, args)], check=True)


def render(data, renders, workers):
    run("dataset.py", "--out", data, "--renders", 0)  # held-out pictures, and the log textures that the workers share
    workers = [subprocess.Popen([sys.executable, str(HERE / "dataset.py"), "--out", str(data), "--renders", str(renders), "--worker", f"{i}/{workers}"])
               for i in range(workers)]
    if any([w.wait() for w in workers]):
        raise SystemExit("rendering failed")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=pathlib.Path, required=True, help="directory for pictures and checkpoints (about 270 kB a picture)")
    p.add_argument("--renders", type=int, default=20000)
    p.add_argument("--minutes", type=float, default=105, help="of training, for both networks together")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--rate", type=float, default=1.5e-3)
    p.add_argument("--workers", type=int, default=os.cpu_count(), help="rendering processes")
    p.add_argument("--recognizer", type=pathlib.Path, help="SFace's ONNX file: judges whether a mixture stays one person (recogniser.py)")
    p.add_argument("--photos", type=pathlib.Path, help="manifest of photographs (photos.py)")
    p.add_argument("--mesh", type=pathlib.Path, help="with --photos: face_mesh_478.onnx")
    p.add_argument("--detector", type=pathlib.Path, help="with --photos: yunet_2023mar.onnx")
    o = p.parse_args()
    data = o.work / "set"
    judge = ("--recognizer", o.recognizer) if o.recognizer else ()
    if o.photos:
        if not (o.mesh and o.detector):
            p.error("--photos needs --mesh and --detector (make deps fetches both)")
        run("photos.py", o.photos, "--out", data, "--mesh", o.mesh, "--detector", o.detector)
        run("make_head.py", "--donors", data / "donors.json")
    else:
        render(data, o.renders, o.workers)
        run("make_head.py")
    for size, share, name in ((256, .75, "generator"), (128, .25, "generator-small")):
        out = o.work / f"run{size}"
        run("train.py", "--data", data, "--run", out, "--size", size, "--minutes", o.minutes * share, "--batch", o.batch, "--rate", o.rate, *judge)
        run("export.py", out / "checkpoint.pt", out, "--half")
        model = out / f"ksnet{size}.fp16.onnx"
        last = json.loads((out / "log.jsonl").read_text().splitlines()[-1])
        run("evaluate.py", model, "--data", data, *judge)
        run("release.py", model, "--steps", f"training/retrain.py: {last['step']} steps of {o.batch}, {last['seconds']} s, {last['renders']} renders")
        run("sheet.py", model, "--data", data, "--out", HERE.parent / "models" / name / "sheet.jpg")


if __name__ == "__main__":
    main()
