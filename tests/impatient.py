"""gunicorn's settings for the tests, with patience that a test can wait out."""

from gevent import monkey

monkey.patch_all()

from chatsse import sockets
from chatsse.serving import *
from chatsse.serving import Worker
from chatsse.serving import post_worker_init as start

sockets.RECEIVE_S = 1
sockets.SEND_S = 1
sockets.VANISHED_S = 2


def post_worker_init(worker: Worker) -> None:
    # Here, as each worker imports the app's modules anew.
    from chatsse import reader

    reader.PING_S = 1
    start(worker)
