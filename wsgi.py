"""The application as WSGI servers look for it: `gunicorn wsgi:app`."""

from chatsse import create_app

app = create_app()
