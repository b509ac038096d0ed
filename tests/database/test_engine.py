import pytest
from sqlalchemy import text

from database import create_engine, reading, transaction


async def test_a_transaction_that_raises_leaves_nothing(database_url: str) -> None:
    engine = create_engine(database_url)
    with pytest.raises(KeyError):
        async with transaction(engine) as connection:
            await connection.execute(text("CREATE TABLE things (id integer)"))
            raise KeyError
    async with transaction(engine) as connection:
        await connection.execute(text("CREATE TABLE things (id integer)"))
    async with reading(engine) as connection:
        assert (await connection.execute(text("SELECT * FROM things"))).all() == []
    await engine.dispose()
