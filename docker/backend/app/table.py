"""What all tables have in common: reading, changing and deleting rows by id."""

from fastapi import HTTPException
from psycopg import sql

from . import database


class Table:
    """Names of columns come from models of this application alone."""

    def __init__(self, name, thing):
        self.name = sql.Identifier(name)
        self.thing = thing

    def found(self, row):
        if row is None:
            raise HTTPException(404, f"There is no such {self.thing}.")
        return row

    async def page(self, filters, limit, offset):
        """filters: column to value; without a value it filters nothing."""
        filters = {name: value for name, value in filters.items()
                   if value is not None}
        where = sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name),
                                      sql.Placeholder(name))
            for name in filters) if filters else sql.SQL("true")
        items = await database.rows(sql.SQL(
            "select * from {} where {} order by id desc"
            " limit %(limit_)s offset %(offset_)s").format(self.name, where),
            {**filters, "limit_": limit, "offset_": offset})
        count = await database.row(sql.SQL(
            "select count(*) as total from {} where {}").format(
                self.name, where), filters)
        return {"items": items, "total": count["total"],
                "limit": limit, "offset": offset}

    async def get(self, number):
        return self.found(await database.row(sql.SQL(
            "select * from {} where id = %s").format(self.name), [number]))

    async def insert(self, values):
        return await database.row(sql.SQL(
            "insert into {} ({}) values ({}) returning *").format(
                self.name,
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(map(sql.Placeholder, values))), values)

    async def update(self, number, values):
        if not values:
            return await self.get(number)
        return self.found(await database.row(sql.SQL(
            "update {} set {} where id = %(id_)s returning *").format(
                self.name,
                sql.SQL(", ").join(
                    sql.SQL("{} = {}").format(sql.Identifier(name),
                                              sql.Placeholder(name))
                    for name in values)), {**values, "id_": number}))

    async def delete(self, number):
        self.found(await database.row(sql.SQL(
            "delete from {} where id = %s returning id").format(self.name),
            [number]))
