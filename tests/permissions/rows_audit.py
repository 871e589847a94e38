from tests.permissions.rows import Row

ROWS = [
    #                      anon  rese gran expi hosp othe cura mana
    Row("audit:events", "login 403 403 403 403 403 403 200"),
    Row("audit:export", "login 403 403 403 403 403 403 200"),
]
