"""Instructions, questions and answers built from degradation records: all the text that training needs.

Every sentence follows from the records or the pixels, so nothing in it is invented. The vocabulary of `SMALL`
is small on purpose: a small language model has to learn it; `data.phrasings.RICH` is the grammar for large
ones. Choices are drawn from the `random.Random` handed in.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from data.grammar import Grammar
from data.labels import TIE, attribute_scores, level_weights, quality_score
from data.records import DegradationRecord
from uare import prompts
from uare.analysis import (
    NO_DEFECTS,
    VERDICT_PREFIX,
    VERDICT_WORDS,
    defects_sentence,
    format_analysis,
    format_assessment,
    level_of,
)
from uare.results import Analysis, Degradation
from uare.vocabulary import DEGRADATIONS, SEVERITIES

Records = Sequence[DegradationRecord]

RESTORE_FRAMES = (
    "enhance this image with {defects}",
    "restore this image with {defects}",
    "repair this photo with {defects}",
    "remove the {defects} from this image",
    "please fix the {defects} in this photo",
)
RESTORE_PLAIN = (prompts.RESTORE, "restore this image", "improve this photo", "make this photo better")
RESTORE_MIXED = (prompts.RESTORE_MIXED, "restore this mix-degraded image", "repair all defects of this image")

ANALYSE_THEN_RESTORE = (
    prompts.ANALYSE_THEN_RESTORE,
    "First say what is wrong with this image, then restore it.",
    "Look at the quality of this photo, plan what to do, and do it.",
    "Analyse this photo and then enhance it.",
    "Describe the defects and the repair, then return the repaired image.",
    "Find out what harms this image, outline the steps, then apply them.",
    "Explain what you see and what you will change, then enhance this image.",
    "Examine this photo, plan its enhancement and carry it out.",
    "Tell me what is wrong here, how you will repair it, and repair it.",
    "Give a brief analysis of this image, then restore it.",
    "Judge the quality first, then improve the photo as you planned.",
    "What are the defects of this photo? Plan the repair and do it.",
    "Think about what this image needs, then enhance it.",
    "Write down defects, plan and expected result, then restore the photo.",
)
ANALYSE_QUESTIONS = (
    prompts.ANALYSE_QUESTION,
    "Analyse the quality of this image.",
    "Which defects does this photo have, and how would you repair them?",
    "Describe the quality of this photo and plan its repair.",
    "What harms this image? Give a plan.",
    "Analyse this photo without changing it.",
)
DESCRIBE_QUESTIONS = (
    "Describe this image and its quality.",
    "What does this photo look like, and how good is it?",
    "Describe what you see and which defects it has.",
    "Say in a few sentences how this photo looks.",
)
DEFECTS_QUESTIONS = (
    "Name the defects of this image.",
    "Which defects does this image show?",
    "What is wrong with this photo, in one sentence?",
    "List what harms this photo.",
)
ASSESS_QUESTIONS = (
    prompts.ASSESS_QUESTION,
    "Rate the quality of this image.",
    "How would you judge the quality of this photo?",
    "What is the technical quality of this image?",
    "Assess this photo and its attributes.",
    "Is this a good photo? Rate its quality.",
    "Give the quality level of this image.",
    "How good does this photo look?",
    "Please assess the quality of this image.",
)
# People gave one opinion and none of the attributes, so none is asked for.
SCORE_QUESTIONS = tuple(question for question in ASSESS_QUESTIONS if "attributes" not in question)
COMPARE_QUESTIONS = (
    prompts.COMPARE_QUESTION,
    "Which of the two images looks better, A or B?",
    "Compare the quality of image A and image B.",
    "Is image A or image B better?",
    "Which photo has fewer defects, A or B?",
    "Judge which image is better: A, B or neither.",
)
VERDICT_QUESTIONS = (
    "Which image is better, A, B or neither? One sentence.",
    "Only the verdict: A, B or neither?",
    "Name the better image.",
)
COMPARE_WITH_REFERENCE_QUESTIONS = (
    prompts.COMPARE_WITH_REFERENCE_QUESTION,
    "Given the reference, which image is better, A or B?",
    "Compare image A and image B with the reference.",
    "Which image is the better version of the reference, A or B?",
)

INTENTS = (
    "You want this photo clean and natural.",
    "You want a better version of this photo.",
    "You want this photo repaired with its content unchanged.",
)
# What the worst harm does to the picture, said from severity 3 on; rain depends on its kind.
EFFECTS: dict[str, str] = {
    "blur": "Edges and textures are smeared.",
    "noise": "Random specks cover smooth areas.",
    "jpeg": "Blocks and rings show around edges.",
    "haze": "A pale veil hides contrast and colour.",
    "rain": "Streaks cross the scene.",
    "lowlight": "Most of the scene is hidden in shadow.",
    "lowres": "Small details are missing.",
}
DROPS_EFFECT = "Drops on the lens hide parts of the scene."
STEPS: dict[str, str] = {
    "blur": "sharpen edges and textures",
    "noise": "remove the noise and keep fine detail",
    "jpeg": "smooth away blocks and rings",
    "haze": "lift the haze and bring back contrast",
    "rain": "remove the rain and fill in what it hid",
    "lowlight": "raise the exposure and balance the colours",
    "lowres": "rebuild small details",
}
GAINS: dict[str, str] = {
    "blur": "sharp",
    "noise": "clean",
    "jpeg": "smooth",
    "haze": "clear",
    "rain": "dry",
    "lowlight": "bright",
    "lowres": "detailed",
}

# What a large model says in many ways is said in one. Where there is a symbol for the kind of a harm, such as
# `effect_rain_drops`, it is taken instead of the plain one.
SMALL = Grammar(
    {
        "restore_plain": RESTORE_PLAIN,
        "restore_mixed": RESTORE_MIXED,
        "restore_frame": RESTORE_FRAMES,
        "wish": ANALYSE_THEN_RESTORE,
        "analyse_question": ANALYSE_QUESTIONS,
        "describe_question": DESCRIBE_QUESTIONS,
        "defects_question": DEFECTS_QUESTIONS,
        "assess_question": ASSESS_QUESTIONS,
        "score_question": SCORE_QUESTIONS,
        "compare_question": COMPARE_QUESTIONS,
        "compare_with_reference_question": COMPARE_WITH_REFERENCE_QUESTIONS,
        "verdict_question": VERDICT_QUESTIONS,
        "intent": INTENTS,
        "quality": ("{finding}{effect}",),
        "finding_none": (f"It shows {NO_DEFECTS}.",),
        "finding_one": ("It shows {harms}.",),
        "finding_equal": ("It shows {harms}.",),
        "finding_led": ("It shows {harms}.",),
        "plan_none": ("1) keep the photo as it is.",),
        "plan_one": ("{numbered_steps}.",),
        "plan_many": ("{numbered_steps}.",),
        "result_none": ("The same photo, unchanged.",),
        "result_some": ("A {gains} photo. {loss}",),
        "loss_some": ("Some fine detail stays lost.",),
        "loss_none": ("Its content stays the same.",),
        **{f"name_{name}": (words,) for name, words in DEGRADATIONS.items()},
        **{f"effect_{name}": (sentence,) for name, sentence in EFFECTS.items()},
        "effect_rain_drops": (DROPS_EFFECT,),
        **{f"step_{name}": (words,) for name, words in STEPS.items()},
        **{f"gain_{name}": (word,) for name, word in GAINS.items()},
    }
)


def worst_first(records: Records) -> list[DegradationRecord]:
    """One record a type, the worst, by falling severity, equal ones by name: never by how they arose."""
    ordered = sorted(records, key=lambda record: (-record.severity, record.type))
    worst: dict[str, DegradationRecord] = {}
    for record in ordered:
        worst.setdefault(record.type, record)
    return list(worst.values())


def degradations_of(records: Records) -> tuple[Degradation, ...]:
    """The records as results, worst first."""
    return tuple(Degradation(type=record.type, severity=record.severity) for record in worst_first(records))


def instruction_for(types: Sequence[str], rng: random.Random, *, grammar: Grammar = SMALL) -> str:
    """A restoration instruction: names the harms, or calls three and more mixed, or (one in four) neither."""
    if not types or rng.random() < 0.25:
        return grammar.expand("restore_plain", rng)
    if len(types) >= 3 and rng.random() < 0.5:
        return grammar.expand("restore_mixed", rng)
    if rng.random() < 0.5:  # the phrase that the pipeline writes must be the best known
        return prompts.restore_instruction(types)
    defects = prompts.joined([DEGRADATIONS[name] for name in types])
    return grammar.extended({"defects": (defects,)}).expand("restore_frame", rng)


def restore_instruction(records: Records, rng: random.Random, *, grammar: Grammar = SMALL) -> str:
    """As `instruction_for`, with the types of the records, worst first."""
    return instruction_for([record.type for record in worst_first(records)], rng, grammar=grammar)


def analyse_then_restore_wish(rng: random.Random, *, grammar: Grammar = SMALL) -> str:
    """One of the wishes for an analysis followed by a restoration."""
    return grammar.expand("wish", rng)


def analyse_question(rng: random.Random, *, grammar: Grammar = SMALL) -> str:
    """One of the questions that an analysis without a restoration answers."""
    return grammar.expand("analyse_question", rng)


def describe_question(rng: random.Random, *, grammar: Grammar = SMALL) -> str:
    """One of the questions that `description_of` answers."""
    return grammar.expand("describe_question", rng)


def defects_question(rng: random.Random, *, grammar: Grammar = SMALL) -> str:
    """One of the questions that `defects_answer` answers."""
    return grammar.expand("defects_question", rng)


def defects_answer(records: Records) -> str:
    """One sentence with nothing but the defects and their severities, worst first."""
    return defects_sentence(degradations_of(records))


def assess_question(rng: random.Random, *, grammar: Grammar = SMALL) -> str:
    """One of the questions that `assess_answer` answers."""
    return grammar.expand("assess_question", rng)


def compare_question(rng: random.Random, *, with_reference: bool, grammar: Grammar = SMALL) -> str:
    """One of the questions that `compare_answer` answers."""
    return grammar.expand("compare_with_reference_question" if with_reference else "compare_question", rng)


def verdict_question(rng: random.Random, *, grammar: Grammar = SMALL) -> str:
    """One of the questions that `verdict_answer` answers."""
    return grammar.expand("verdict_question", rng)


def _symbol(stem: str, record: DegradationRecord, grammar: Grammar) -> str:
    """The grammar's symbol for a harm, in braces: that of its kind, such as drops, where there is one."""
    of_kind = f"{stem}_{record.type}_{record.parameters.get('kind')}"
    return f"{{{of_kind}}}" if of_kind in grammar.rules else f"{{{stem}_{record.type}}}"


def analysis_grammar(records: Records, grammar: Grammar = SMALL) -> Grammar:
    """The grammar with what follows from these records: all that its "analysis" can become is true of them.

    Defects and steps come worst first. From severity 3 on the worst harm's effect is said, from 4 on that
    detail stays lost.
    """
    parts = Analysis(intent="{intent}", quality="{quality}", plan="{plan}", result="{result}")
    base = {"analysis": (format_analysis(parts),), "level": (level_of(quality_score(records)),)}
    ordered = worst_first(records)
    if not ordered:
        clean = {"finding": "{finding_none}", "effect": "", "plan": "{plan_none}", "result": "{result_none}"}
        return grammar.extended(base | {symbol: (text,) for symbol, text in clean.items()})
    worst = ordered[0].severity
    harms = [f"{SEVERITIES[record.severity]} {_symbol('name', record, grammar)}" for record in ordered]
    steps = [_symbol("step", record, grammar) for record in ordered]
    if len(ordered) == 1:
        finding = "{finding_one}"
    else:
        finding = "{finding_led}" if worst > ordered[1].severity else "{finding_equal}"
    said = {
        "finding": finding,
        "harms": prompts.joined(harms),
        "worst": harms[0],
        "others": prompts.joined(harms[1:]),
        "effect": f" {_symbol('effect', ordered[0], grammar)}" if worst >= 3 else "",
        "plan": "{plan_one}" if len(steps) == 1 else "{plan_many}",
        "numbered_steps": "; ".join(f"{number}) {step}" for number, step in enumerate(steps, start=1)),
        "told_steps": ", then ".join(steps),
        "result": "{result_some}",
        "gains": prompts.joined([_symbol("gain", record, grammar) for record in ordered]),
        "loss": "{loss_some}" if worst >= 4 else "{loss_none}",
    }
    return grammar.extended(base | {symbol: (text,) for symbol, text in said.items()})


def analysis_of(
    records: Records, content: str | None, rng: random.Random, *, grammar: Grammar = SMALL
) -> Analysis:
    """The analysis of an image with these harms; `content` is a sentence of `data.content` or None.

    Captions by a large model come through `data.captions.captioned_analysis`, which checks them first.
    """
    said = analysis_grammar(records, grammar)
    analysis = Analysis(
        intent=said.expand("intent", rng),
        content=content,
        quality=said.expand("quality", rng),
        plan=said.expand("plan", rng),
        result=said.expand("result", rng),
        degradations=degradations_of(records),
    )
    return replace(analysis, text=format_analysis(analysis))


def description_of(
    records: Records, content: str | None, rng: random.Random, *, grammar: Grammar = SMALL
) -> str:
    """What the image looks like and what harms it, in running text: the analysis without intent and plan."""
    quality = analysis_grammar(records, grammar).expand("quality", rng)
    return f"{content} {quality}" if content else quality


def drawn_level(score: float, rng: random.Random) -> str:
    """A level drawn by the soft label of a score: over many samples the model learns the score itself."""
    weights = level_weights(score)
    return rng.choices(list(weights), list(weights.values()))[0]


def assess_answer(records: Records, rng: random.Random) -> str:
    """The quality answer with the overall level and each attribute's, drawn from `data.labels`' scores."""
    attributes = {name: drawn_level(score, rng) for name, score in attribute_scores(records).items()}
    return format_assessment(drawn_level(quality_score(records), rng), attributes)


def verdict_of(records_a: Records, records_b: Records) -> str:
    """Whose score is higher by at least `TIE`: "A", "B" or "neither"."""
    difference = quality_score(records_a) - quality_score(records_b)
    if abs(difference) < TIE:
        return VERDICT_WORDS[2]
    return VERDICT_WORDS[0] if difference > 0 else VERDICT_WORDS[1]


def _shown(records: Records) -> str:
    """What one image of a pair shows, such as "shows serious noise", or "is clean"."""
    if not records:
        return "is clean"
    return f"shows {prompts.joined([one.words for one in degradations_of(records)])}"


def verdict_answer(records_a: Records, records_b: Records) -> str:
    """The verdict and nothing else."""
    return f"{VERDICT_PREFIX} {verdict_of(records_a, records_b)}."


def compare_answer(records_a: Records, records_b: Records) -> str:
    """The verdict, then the reason: what each image shows, worst first."""
    verdict = verdict_answer(records_a, records_b)
    if degradations_of(records_a) == degradations_of(records_b):
        words = [one.words for one in degradations_of(records_a)]
        return f"{verdict} Both show {prompts.joined(words) if words else NO_DEFECTS}."
    return f"{verdict} Image A {_shown(records_a)}; image B {_shown(records_b)}."


def corpus(rng: random.Random, count: int) -> list[str]:
    """`count` texts of every kind above with random records, for training the tokenizer."""
    texts: list[str] = []
    while len(texts) < count:
        first, second = _random_records(rng), _random_records(rng)
        tone = rng.choice(("dark", "bright", "mid-toned"))
        hue = rng.choice(("black-and-white", "muted", "natural", "colourful"))
        content = f"A {tone}, {hue} scene with {rng.choice(('little', 'some', 'much'))} fine detail."
        texts += [
            restore_instruction(first, rng),
            analyse_then_restore_wish(rng),
            analyse_question(rng),
            analysis_of(first, content, rng).text,
            defects_question(rng),
            defects_answer(first),
            assess_question(rng),
            assess_answer(first, rng),
            compare_question(rng, with_reference=rng.random() < 0.5),
            compare_answer(first, second),
        ]
    return texts[:count]


def _random_records(rng: random.Random) -> list[DegradationRecord]:
    types = rng.sample(sorted(EFFECTS), rng.choice((0, 1, 1, 2, 3)))
    kind = rng.choice(("streaks", "drops"))
    return [
        DegradationRecord(name, rng.randint(1, 5), {"kind": kind} if name == "rain" else {}) for name in types
    ]
