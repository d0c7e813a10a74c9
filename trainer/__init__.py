"""The model: training, metrics, prediction. No Streamlit; usable from a notebook."""
