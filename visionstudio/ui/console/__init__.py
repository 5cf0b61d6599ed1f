"""The scripting console: Python with the open project bound."""
