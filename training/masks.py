"""Checks of masks."""
import cv2
import numpy as np


def holes(alpha):
    """Pixels of the background (alpha < 0.5) that the face encloses. alpha [h, w] in 0..1."""
    back = cv2.copyMakeBorder((alpha < .5).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(back, None, (0, 0), 2)
    return int((back == 1).sum())
