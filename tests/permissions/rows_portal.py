from tests.permissions.rows import Row

ROWS = [
    Row("home", "200"),
    Row("health_live", "200"),
    Row("health_ready", "200"),
    Row("set_language", "302", method="POST", data=lambda world: {"language": "pl"}),
    Row("api:schema", "200"),
]
ROWS += [
    Row("outbox", "200"),
    Row("outbox_message", "404", args=lambda world: {"name": "none"}),
]
