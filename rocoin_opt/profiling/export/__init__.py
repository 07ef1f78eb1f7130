"""Files for the boards: students as ONNX, a source that runs them, and a manifest that says what is what."""
