"""Python reads this at the start of every process that the tests start: see :mod:`loopback`."""

import loopback

loopback.only()
