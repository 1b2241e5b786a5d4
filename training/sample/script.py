"""Who is where in the sample clip, what they say, and how they move: the whole staging, as data."""
import dataclasses

WIDTH, HEIGHT, FPS = 1280, 720, 25
# Seeds of renderer.persons.sample; none is a donor. Chosen for mutual SFace cosine below 0.32 over poses and expressions.
CAST = (281, 32, 79, 107, 56, 97, 258)
NAMES = ("Ada", "Bruno", "Cem", "Dayo", "Eli", "Fumi", "Gloria")
CLOTHES = ((38, 70, 105), (92, 48, 44), (60, 66, 58), (150, 140, 120), (44, 52, 80), (108, 62, 88), (46, 84, 78))
VOICES = ("en-us+f2", "en-us+m3", "en-gb+m1", "en-us+m7", "en-gb+m5", "en-gb+f4", "en-us+f5")


@dataclasses.dataclass(frozen=True)
class Part:
    """A person in a shot: face height in pixels (forehead to chin), face centre at the shot's start and end, mean yaw and pitch, amplitude of
    the slow turning (yaw, pitch, roll) in degrees, and a seed for the motion."""
    who: int
    face: float
    start: tuple
    end: tuple
    facing: tuple = (0, 0)
    turn: tuple = (18, 5, 4)
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Shot:
    """frames; parts from back to front, those of `standing` behind a counter whose top is at row `counter`; lines: (who, start in
    seconds of the shot, text); look: number of backdrop and light."""
    frames: int
    counter: int
    standing: tuple
    parts: tuple
    lines: tuple
    look: int


SHOTS = (
    Shot(90, 372, (
        Part(6, 48, (1130, 205), (1120, 207), (-10, 0), (14, 4, 3), 11),
        Part(4, 62, (655, 190), (660, 192), (5, 2), (20, 4, 4), 12),
        ), (
        Part(0, 245, (355, 340), (375, 335), (14, 0), (26, 6, 5), 13),
        Part(1, 205, (900, 330), (885, 335), (-16, 2), (24, 6, 5), 14)),
        ((0, .15, "Did you see who was on the train this morning?"), (1, 2.25, "No, tell me all.")), 0),
    Shot(88, 415, (
        Part(5, 52, (90, 215), (100, 216), (12, 0), (12, 4, 3), 21),
        Part(3, 70, (610, 178), (600, 180), (-6, 0), (18, 5, 4), 22),
        Part(1, 92, (1165, 235), (1150, 238), (-18, 0), (20, 5, 4), 23),
        ), (
        Part(4, 150, (850, 330), (845, 325), (-12, 3), (26, 6, 5), 24),
        Part(2, 185, (330, 350), (345, 350), (16, -2), (30, 7, 6), 25)),
        ((2, .2, "There were five of us, and nobody knew it."), (4, 2.3, "Nobody at all?")), 1),
    Shot(84, 440, (
        Part(2, 58, (690, 170), (684, 172), (0, 0), (16, 4, 3), 31),
        Part(0, 84, (1150, 220), (1158, 221), (-14, 0), (22, 5, 4), 32),
        Part(6, 112, (95, 290), (110, 288), (16, 2), (20, 5, 4), 33),
        ), (
        Part(3, 170, (920, 355), (905, 350), (-14, 0), (28, 6, 5), 34),
        Part(5, 225, (420, 345), (435, 350), (10, 2), (30, 7, 5), 35)),
        ((5, .15, "We can show the film, but not the people."), (3, 2.1, "Then show other faces.")), 2),
)
