"""scim2-server's own application, for a server that takes load: `gunicorn "scim_app:build('TOKEN')"`.

The command line of scim2-server builds the application and serves it with a server that has a backlog
of five connections. Here the same command line builds it, and gunicorn serves it.
"""

import sys

from scim2_server.testserver import cli


class _Built(Exception):
    """Carries the application out of the command line."""

    def __init__(self, application):
        super().__init__()
        self.application = application


def build(token):
    def make_server(_host, _port, application, **_options):
        raise _Built(application)

    cli.make_server = make_server
    sys.argv = ["scim2-server", "--bearer-token", token]
    try:
        cli.main()
    except _Built as built:
        return built.application
    raise RuntimeError("scim2-server built no application")
