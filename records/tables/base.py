"""What all tables of the record belong to."""

from sqlalchemy import MetaData

metadata = MetaData()
