"""Figures that papers give, to stand beside what is measured."""

from __future__ import annotations

# Test error in % on CIFAR-10. He et al. 2015, table 6; Li et al. 2018, table 1, without skips (as secondary notes give it).
HE_2015 = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}


LI_2018_PLAIN = {20: 8.18, 56: 13.31, 110: 16.44}


# He et al. 2016, table 1: ResNet-110 on CIFAR-10; gates at their best bias, −6. Without a shortcut it fails (over 20 %).
HE_2016 = {
    "identity": 6.61, "scaling": 12.35, "gate_exclusive": 8.70, "gate_shortcut": 6.91, "projection_all": 12.22, "none": 20.0,
}  # fmt: skip
