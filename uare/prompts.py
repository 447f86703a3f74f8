"""What the pipeline asks the model when the user has said nothing else; training has these and variants."""

from collections.abc import Sequence

from uare.vocabulary import DEGRADATIONS

ASSESS_QUESTION = "How good is the quality of this image?"
ANALYSE_QUESTION = "What is wrong with this image? Describe its defects and how to repair it."
COMPARE_QUESTION = "Which image has the better quality, A or B?"
COMPARE_WITH_REFERENCE_QUESTION = "Which image is closer to the reference and has the better quality, A or B?"
ANALYSE_THEN_RESTORE = "Analyse the defects of this image, plan the repair, then restore it."
# said before each image of a comparison, so that its tokens know which they are
IMAGE_LABELS = ("Image A:", "Image B:")
REFERENCE_LABEL = "Reference:"
RESTORE = "enhance this image"
RESTORE_MIXED = "enhance this mix-degraded image"  # UARE section 3.3, for high-order degradations


def joined(words: Sequence[str]) -> str:
    """The words as a list in running text: "a", "a and b", "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def restore_instruction(types: Sequence[str]) -> str:
    """The instruction that names degradations by id, such as "enhance this image with noise and blur" (UARE
    section 3.3); without any it is `RESTORE`."""
    if not types:
        return RESTORE
    return f"{RESTORE} with {joined([DEGRADATIONS[name] for name in types])}"
