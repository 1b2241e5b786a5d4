"""Speech of the sample clip by espeak-ng, and the mouth that goes with it."""
import subprocess
import wave

import numpy as np

RATE = 48000


def speak(text, voice, path):
    """Mono float samples at RATE."""
    subprocess.run(["espeak-ng", "-v", voice, "-s", "170", "-w", str(path), text], check=True)
    with wave.open(str(path)) as w:
        rate, x = w.getframerate(), np.frombuffer(w.readframes(w.getnframes()), np.int16) / 32768.
    t = np.arange(int(len(x) * RATE / rate)) / RATE
    return np.interp(t, np.arange(len(x)) / rate, x)


def write(path, x):
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes((np.clip(x, -1, 1) * 32767).astype("<i2").tobytes())


def _smooth(x, n):
    k = np.hanning(n + 2)
    return np.convolve(x, k / k.sum(), "same")


def mouth(x, fps, frames):
    """Expression units [frames] of a speaker by the loudness of the voice x and the share of its high tones: open vowels open
    the jaw, hissing spreads the lips, dark voiced sounds round them."""
    hop = RATE // fps
    x = np.pad(x, (0, max(0, frames * hop - len(x))))[: frames * hop].reshape(frames, hop)
    loud = np.sqrt((x ** 2).mean(1))
    spectrum = np.abs(np.fft.rfft(x * np.hanning(hop), axis=1)) ** 2 + 1e-12
    f = np.fft.rfftfreq(hop, 1 / RATE)
    high = spectrum[:, f > 2500].sum(1) / spectrum.sum(1)
    dark = spectrum[:, (f > 150) & (f < 500)].sum(1) / spectrum.sum(1)
    loud = np.clip(loud / max(loud.max(), 1e-6), 0, 1) ** .7
    on = np.clip(loud * 3, 0, 1)
    unit = lambda v, top: np.clip(_smooth(v, 3), 0, top)
    return {"MouthOpen": unit(.62 * loud * (1 - .6 * high), .7), "stretch": unit(.5 * on * high * 1.6, .6),
            "pucker": unit(.55 * on * np.clip(dark - .35, 0, 1) * 1.6, .5), "lipDown": unit(.25 * loud, .3)}
