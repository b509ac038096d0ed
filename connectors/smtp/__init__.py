"""E-mail by a mail server of the installation's own: the `Messages` port over SMTP."""

from connectors.smtp.messages import Deliveries, SmtpMessages, delivery_name
from connectors.smtp.server import MailServer

__all__ = ["Deliveries", "MailServer", "SmtpMessages", "delivery_name"]
