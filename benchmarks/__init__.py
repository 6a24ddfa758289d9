"""Where the README's speed figures come from. All of them are about CPUs."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch is imported
