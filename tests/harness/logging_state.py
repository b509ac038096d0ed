"""Tests that configure the process's logging leave it as it was."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from temporalio import activity, workflow


@contextmanager
def logging_as_before() -> Iterator[None]:
    """Handlers, every logger's level, the SDK's own additions and structlog are put back at the end."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    loggers = [root, *(each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    levels = {each: each.level for each in loggers}
    on_message = activity.logger.activity_info_on_message, workflow.logger.workflow_info_on_message
    try:
        yield
    finally:
        root.handlers = handlers
        for logger in (root, *map(logging.getLogger, root.manager.loggerDict)):
            logger.setLevel(levels.get(logger, logging.NOTSET))
        activity.logger.activity_info_on_message, workflow.logger.workflow_info_on_message = on_message
        structlog.reset_defaults()
