"""Python packages: resolved by uv, downloaded by pip, kept by digest."""

from herdbook.drivers.python.wheel_house import PypiWheelHouse

__all__ = ["PypiWheelHouse"]
