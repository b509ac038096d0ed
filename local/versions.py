"""What the local Temporal server is made of, pinned."""

from importlib.metadata import version

SERVER_VERSION = "1.32.0"
SERVER_MODULE = f"go.temporal.io/server/cmd/server@v{SERVER_VERSION}"

UI_VERSION = "2.54.1"
UI_MODULE = f"github.com/temporalio/ui-server/v2/cmd/server@v{UI_VERSION}"

PACKAGES = {SERVER_MODULE: 1753, UI_MODULE: 431}
"""How many Go packages a first build compiles, the standard library's included (`go list -deps`)."""

SDK_VERSION = version("temporalio")

OLDEST_GO = (1, 26)
