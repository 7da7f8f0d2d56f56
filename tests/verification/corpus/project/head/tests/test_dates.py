from datetime import date, timedelta

from satchel.dates import age_on, humanise, parse_duration, quarter_end


def test_quarter_end():
    assert quarter_end(date(2026, 1, 1)) == date(2026, 3, 31)
    assert quarter_end(date(2026, 3, 31)) == date(2026, 3, 31)
    assert quarter_end(date(2026, 4, 1)) == date(2026, 6, 30)
    assert quarter_end(date(2025, 9, 30)) == date(2025, 9, 30)
    assert quarter_end(date(2026, 10, 1)) == date(2026, 12, 31)
    assert quarter_end(date(2026, 12, 31)) == date(2026, 12, 31)


def test_humanise():
    assert humanise(timedelta(hours=2, minutes=50)) == "2 hours"


def test_parse_duration():
    assert parse_duration("1h30m") == timedelta(minutes=90)


def test_age_on():
    assert age_on(date(1990, 5, 4), date(2020, 5, 4)) == 30
