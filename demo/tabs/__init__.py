"""The tabs of the app: a module each with a function `add_NAME_tab(desk)`, called inside `gr.Blocks`."""
