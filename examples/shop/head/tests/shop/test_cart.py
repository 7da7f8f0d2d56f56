"""The cart, as customers use it."""

from shop.cart import Cart


def test_a_new_cart_is_empty() -> None:
    assert Cart().count("tea") == 0


def test_adding_puts_an_item_into_the_cart() -> None:
    cart = Cart()
    cart.add("tea")
    assert cart.count("tea") == 1
