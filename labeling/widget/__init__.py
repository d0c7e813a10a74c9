"""The keyboard-first annotation component: its Python side and its browser side."""
