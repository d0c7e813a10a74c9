"""One Streamlit script a page; pages call logic and draw, nothing more."""
