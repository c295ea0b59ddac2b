from gevent import monkey

monkey.patch_all()

# gunicorn reads its settings from the names of this file.
from chatsse.serving import *
