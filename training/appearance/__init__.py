"""The regressor from face mesh geometry to the generator's appearance units.

    PYTHONPATH=training python -m appearance.dataset --assets ASSETS --mesh face_mesh_478.onnx --out DIR
    PYTHONPATH=training python -m appearance.train DIR --out models/appearance

mesh.py runs the mesh network as core/landmark does; features.py is the twin of core/landmark's pose fit and geometry.
Golden vectors (core/landmark/testdata) keep the two languages together.
"""
