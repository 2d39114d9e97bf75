async def f():
    async with a as b:
        await c
    async for d in e:
        yield
    x = yield from g
