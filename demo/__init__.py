"""The Gradio app and the study kit."""
