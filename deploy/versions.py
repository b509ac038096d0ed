"""What the local Temporal server is made of, pinned."""

from importlib.metadata import version

SERVER_VERSION = "1.32.0"
SERVER_MODULE = f"go.temporal.io/server/cmd/server@v{SERVER_VERSION}"

UI_VERSION = "2.54.1"
UI_MODULE = f"github.com/temporalio/ui-server/v2/cmd/server@v{UI_VERSION}"

SDK_VERSION = version("temporalio")

OLDEST_GO = (1, 26)
