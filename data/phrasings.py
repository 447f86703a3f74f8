"""The grammar for large models: what `data.texts.SMALL` says in one way, said in thousands.

The same symbols, so that every builder takes either grammar. All of the small sentences are in it. What an
image shows keeps the words of `uare.vocabulary`, grade before name, so that every answer can be read back.
"""

from data.texts import SMALL
from uare import prompts
from uare.analysis import NO_DEFECTS

# What the pipeline asks stands this many times among the rest: it must be the best known.
OFTEN = 5

_WORDS = {
    "picture": ("image", "photo", "picture", "photograph"),
    "this": ("this {picture}", "this {picture}", "the {picture}", "the given {picture}"),
    "subject": ("It", "The {picture}", "This {picture}"),
    "please": ("", "", "please ", "can you ", "could you "),
    "Please": ("Please", "Could you", "Can you", "Would you"),
}

_INSTRUCTIONS = {
    "restore_plain": (
        *(prompts.RESTORE,) * OFTEN,
        *SMALL.rules["restore_plain"],
        "{please}{restore} {this}",
        "make {this} {look_better}",
        "give me a better version of {this}",
    ),
    "restore": ("restore", "enhance", "improve", "repair"),
    "look_better": ("better", "look better", "as good as possible", "look clean and natural"),
    "restore_mixed": (
        *(prompts.RESTORE_MIXED,) * OFTEN,
        *SMALL.rules["restore_mixed"],
        "{please}{restore} this {mixed} {picture}",
        "{please}repair {every} of {this}",
        "{this} has several defects: {restore} it",
    ),
    "mixed": ("mix-degraded", "multi-degraded"),
    "every": ("every defect", "all defects", "the mixed defects", "everything that harms the quality"),
    "restore_frame": (
        *SMALL.rules["restore_frame"],
        "{please}{restore} {this} with {defects}",
        "{please}{remove} {defects} {from} {this}",
        "{this} suffers from {defects}: {restore} it",
        "{this} shows {defects}, {please}{restore} it",
        "undo the {defects} in {this}",
    ),
    "remove": ("remove the", "get rid of the", "take away the", "reduce the", "fix the"),
    "from": ("from", "in"),
}

_WISHES = {
    "wish": (
        *(prompts.ANALYSE_THEN_RESTORE,) * OFTEN,
        *SMALL.rules["wish"],
        *("{Examine} {aspect} {this}, {plan_it}, {then} {restore_it}.",) * OFTEN,
        "{Please} {examine} {aspect} {this}, {plan_it}, {then} {restore_it}?",
        "First {examine} {aspect} {this}, then {plan_it}, and finally {restore_it}.",
        "Before you {restore} {this}, {examine} its {quality_noun} and {plan_it}.",
        "{Restore} {this}, but first {examine} its {quality_noun} and {plan_it}.",
        "What {harms} {this}? {Plan_it}, {then} {restore_it}.",
    ),
    "Examine": ("Analyse", "Examine", "Inspect", "Describe", "Judge", "Assess", "Look at", "Study"),
    "examine": ("analyse", "examine", "inspect", "describe", "judge", "assess", "look at", "study"),
    "aspect": ("the {quality_noun} of", "the defects of", "the weaknesses of"),
    "quality_noun": ("quality", "technical quality", "visual quality", "image quality"),
    "harms": ("harms", "is wrong with", "spoils", "degrades"),
    "plan_it": (
        "plan the repair",
        "make a plan",
        "outline the steps",
        "say how to repair it",
        "explain what you will change",
        "write down plan and expected result",
    ),
    "Plan_it": ("Plan the repair", "Make a plan", "Outline the steps", "Say how to repair it"),
    "then": ("then", "and then", "and"),
    "restore_it": (
        "restore it",
        "enhance it",
        "repair it",
        "carry it out",
        "return the restored {picture}",
        "give me the enhanced {picture}",
    ),
    "Restore": ("Restore", "Enhance", "Improve", "Repair"),
}

_QUESTIONS = {
    "analyse_question": (
        *(prompts.ANALYSE_QUESTION,) * OFTEN,
        *SMALL.rules["analyse_question"],
        "What {harms} {this}, and {how_repaired}?",
        "{Examine} {aspect} {this} and {plan_it}.",
        "{Please} {examine} {aspect} {this} and {plan_it}?",
        "{Examine} {aspect} {this} and {plan_it}, but leave the {picture} as it is.",
    ),
    "how_repaired": ("how would you repair it", "how can it be repaired", "what should be done about it"),
    "describe_question": (
        *SMALL.rules["describe_question"],
        "Describe {this} and {its_quality}.",
        "{Please} describe {this} and {its_quality}?",
        "What does {this} show, and what {harms} it?",
        "Write a short description of {this} and its {quality_noun}.",
        "Tell me about {this} and {its_quality}.",
    ),
    "its_quality": ("its {quality_noun}", "its defects", "what harms it", "how good it is"),
    "defects_question": (
        *SMALL.rules["defects_question"],
        "{Name_defects} {this}{briefly}",
        "Which {defect_noun} does {this} {have}{briefly_asked}",
        "What {harms} {this}{briefly_asked}",
        "{Please} {name_defects} {this}{briefly_asked}",
    ),
    "Name_defects": ("Name the {defect_noun} of", "List the {defect_noun} of", "State the {defect_noun} of"),
    "name_defects": (
        "name the {defect_noun} of",
        "list the {defect_noun} of",
        "tell me the {defect_noun} of",
    ),
    "defect_noun": ("defects", "degradations", "distortions", "quality problems"),
    "have": ("have", "show", "suffer from"),
    "briefly": (".", " in one sentence.", ", worst first.", " briefly."),
    "briefly_asked": ("?", ", in one sentence?", ", worst first?", "? Answer in one sentence."),
    "assess_question": (
        *(prompts.ASSESS_QUESTION,) * OFTEN,
        *SMALL.rules["assess_question"],
        "{rate_it}",
        "{Rate} the {quality_noun} of {this} and its attributes.",
        "{Rate} {this} and each of its attributes.",
    ),
    "score_question": (
        *(prompts.ASSESS_QUESTION,) * OFTEN,
        *SMALL.rules["score_question"],
        *("{rate_it}",) * OFTEN,
    ),
    "rate_it": (
        "{Rate} the {quality_noun} of {this}.",
        "{Please} {rate} the {quality_noun} of {this}?",
        "How would you {rate} the {quality_noun} of {this}?",
        "How good is the {quality_noun} of {this}?",
        "How good does {this} look?",
        "What is the {quality_noun} of {this}?",
        "What do you think of the {quality_noun} of {this}?",
        "Give {this} a quality level.",
    ),
    "Rate": ("Rate", "Assess", "Judge", "Evaluate", "Grade"),
    "rate": ("rate", "assess", "judge", "evaluate", "grade"),
    "compare_question": (
        *(prompts.COMPARE_QUESTION,) * OFTEN,
        *SMALL.rules["compare_question"],
        "Which {picture} {is_better}, A or B?",
        "Which of the two {is_better}, {picture} A or {picture} B?",
        "{Compare} the {quality_noun} of image A and image B.",
        "{Please} say which {picture} {is_better}, A or B?",
        "{Compare} the two: which {picture} {is_better}?",
    ),
    "is_better": ("is better", "looks better", "has the better {quality_noun}"),
    "Compare": ("Compare", "Judge", "Weigh"),
    "compare_with_reference_question": (
        *(prompts.COMPARE_WITH_REFERENCE_QUESTION,) * OFTEN,
        *SMALL.rules["compare_with_reference_question"],
        "Given the reference, which {picture} {is_nearer}, A or B?",
        "Which {picture} {is_nearer}, A or B?",
        "{Compare} image A and image B with the reference: which {is_nearer}?",
        "{Please} say which of A and B {is_nearer}?",
    ),
    "is_nearer": (
        "is closer to the reference",
        "is the better version of the reference",
        "keeps more of the reference",
        "is more faithful to the reference and looks better",
    ),
    "verdict_question": (
        *SMALL.rules["verdict_question"],
        "Which {picture} {is_better}, A, B or neither? {In_short}",
        "A, B or neither: which {is_better}? {In_short}",
        "Name the {picture} that {is_better}.",
        "{In_short} Which {picture} {is_better}, A or B?",
    ),
    "In_short": ("One sentence.", "Only the verdict.", "No reasons.", "Answer briefly.", "Just the answer."),
}

_INTENTS = {
    "intent": (
        *SMALL.rules["intent"],
        "{You_want} {this} {made_better}{unchanged}.",
        "{You_ask_for} a {better} version of {this}{unchanged}.",
        "The wish is a {better} version of {this}{unchanged}.",
    ),
    "You_want": ("You want", "You would like", "You want to have", "You wish to have"),
    "You_ask_for": ("You want", "You would like", "You ask for", "You are looking for"),
    "made_better": ("restored", "repaired", "enhanced", "improved", "clean and natural", "in better quality"),
    "better": ("better", "cleaner", "restored", "repaired", "more natural"),
    "unchanged": (
        "",
        " with its content unchanged",
        " that stays true to the scene",
        " without any change of content",
    ),
}

_FINDINGS = {
    "quality": ("{finding}{effect}{overall}",),
    "overall": (
        "",
        "",
        " Overall its quality is {level}.",
        " Its overall quality is {level}.",
        " All in all the quality is {level}.",
        " That leaves the quality at {level}.",
    ),
    "finding_none": (
        f"{{subject}} shows {NO_DEFECTS}.",
        f"{{subject}} has {NO_DEFECTS}.",
        f"There are {NO_DEFECTS}.",
        f"On inspection there are {NO_DEFECTS}.",
    ),
    "finding_one": (
        "{finding_any}",
        "{finding_any}",
        "Its only defect is {harms}.",
        "Its one defect is {harms}.",
        "All that harms it is {harms}.",
    ),
    "finding_equal": ("{finding_any}", "{finding_any}", "Its defects are {harms}."),
    "finding_led": (
        "{finding_equal}",
        "Its main defect is {worst}; it also shows {others}.",
        "What harms it most is {worst}; there is also {others}.",
        "{subject} shows {worst} above all, and also {others}.",
        "Above all it shows {worst}, next to {others}.",
        "{subject} suffers most from {worst}, then from {others}.",
    ),
    "finding_any": (
        "{subject} shows {harms}.",
        "{subject} suffers from {harms}.",
        "{subject} is harmed by {harms}.",
        "{subject} is degraded by {harms}.",
        "{subject} has {harms}.",
    ),
    "name_blur_motion": ("blur", "motion blur"),
    "name_blur_shake": ("blur", "camera shake blur"),
    "name_blur_defocus": ("blur", "defocus blur"),
    "name_blur_lens": ("blur", "lens blur"),
    "name_noise_shot": ("noise", "shot noise"),
    "name_noise_camera": ("noise", "camera noise"),
    "name_noise_raw": ("noise", "sensor noise"),
    "name_rain_streaks": ("rain", "rain streaks"),
    "name_rain_drops": ("rain", "rain drops"),
}

# Said from severity 3 on, of the worst harm; true of every kind of it unless the symbol names a kind.
_EFFECTS = {
    "effect_blur": (
        "Edges and textures are smeared.",
        "Outlines are soft and textures melt together.",
        "Fine lines run into each other.",
        "Edges have lost their crispness.",
    ),
    "effect_blur_motion": (
        "{effect_blur}",
        "Contours are drawn out along one direction.",
        "Everything is smeared along one line.",
    ),
    "effect_blur_shake": (
        "{effect_blur}",
        "Contours are smeared along a crooked path.",
        "Everything is smeared as by an unsteady hand.",
    ),
    "effect_blur_defocus": (
        "{effect_blur}",
        "Every point is spread into a small disc.",
    ),
    "effect_noise": (
        "Random specks cover smooth areas.",
        "Smooth areas look speckled.",
        "Fine texture drowns in random specks.",
        "Flat surfaces are sprinkled with random dots.",
    ),
    "effect_jpeg": (
        "Blocks and rings show around edges.",
        "Small squares break up smooth surfaces.",
        "Ripples surround strong edges.",
        "Borders of square blocks show in smooth areas.",
    ),
    "effect_haze": (
        "A pale veil hides contrast and colour.",
        "Contrast and colour fade behind a pale veil.",
        "The scene looks washed out.",
        "Dark tones are lifted to grey.",
    ),
    "effect_rain": (
        "Streaks cross the scene.",
        "Thin streaks lie over the scene.",
        "Bright lines cross the {picture}.",
        "Falling streaks hide parts of the scene.",
    ),
    "effect_rain_drops": (
        "Drops on the lens hide parts of the scene.",
        "Parts of the scene lie behind drops on the glass.",
        "Drops on the glass distort what lies behind them.",
    ),
    "effect_lowlight": (
        "Most of the scene is hidden in shadow.",
        "Shadows swallow most of the scene.",
        "Shapes and colours sink into the dark.",
        "Little stands out from the dark.",
    ),
    "effect_lowres": (
        "Small details are missing.",
        "Fine structures cannot be told apart.",
        "Small things have lost their shape.",
        "Fine texture is missing.",
    ),
}

_PLANS = {
    "plan_none": (
        "1) keep the {picture} as it is.",
        "Keep the {picture} as it is.",
        "Nothing needs repair: keep the {picture} as it is.",
        "No step is needed; leave the {picture} unchanged.",
    ),
    "plan_one": (
        "{numbered_steps}.",
        "One step: {told_steps}.",
        "One step is enough: {told_steps}.",
        "All it takes is to {told_steps}.",
    ),
    "plan_many": (
        "{numbered_steps}.",
        "First {told_steps}.",
        "To do: first {told_steps}.",
        "Step by step: {numbered_steps}.",
        "In this order: {numbered_steps}.",
    ),
    "step_blur": (
        "sharpen edges and textures",
        "bring back crisp edges",
        "recover sharp outlines and textures",
        "undo the blur along edges",
    ),
    "step_noise": (
        "remove the noise and keep fine detail",
        "take out the specks but keep texture",
        "clean smooth areas without wiping out texture",
        "suppress the noise and preserve edges",
    ),
    "step_jpeg": (
        "smooth away blocks and rings",
        "remove blocks and ripples around edges",
        "clear the traces of compression",
        "rejoin what the blocks have cut apart",
    ),
    "step_haze": (
        "lift the haze and bring back contrast",
        "remove the veil and restore colour",
        "clear the haze from the scene",
        "deepen washed-out tones",
    ),
    "step_rain": (
        "remove the rain and fill in what it hid",
        "take away the rain and complete the scene behind it",
        "clear the rain from the scene",
    ),
    "step_rain_streaks": ("{step_rain}", "erase the streaks and fill in what lies behind them"),
    "step_rain_drops": ("{step_rain}", "erase the drops and fill in what lies behind them"),
    "step_lowlight": (
        "raise the exposure and balance the colours",
        "brighten the scene and correct its colours",
        "lift the shadows and keep colours natural",
        "open up the shadows",
    ),
    "step_lowres": (
        "rebuild small details",
        "bring back small details",
        "reconstruct fine structures",
        "restore fine texture",
    ),
}

_RESULTS = {
    "result_none": (
        "The same {picture}, unchanged.",
        "The {picture} stays as it is.",
        "An unchanged {picture}.",
    ),
    "result_some": (
        "A {gains} {picture}. {loss}",
        "The result is a {gains} {picture}. {loss}",
        "A {gains} version of {this}. {loss}",
        "The {picture} becomes {gains}. {loss}",
        "You get a {gains} {picture}. {loss}",
        "A version that is {gains}. {loss}",
    ),
    "loss_some": (
        "Some fine detail stays lost.",
        "Not all fine detail can come back.",
        "Some small details cannot be recovered.",
        "Part of the fine texture stays lost.",
    ),
    "loss_none": (
        "Its content stays the same.",
        "Its content is unchanged.",
        "What it shows stays the same.",
        "Nothing else in the scene changes.",
    ),
    "gain_blur": ("sharp", "crisp"),
    "gain_noise": ("clean", "speckle-free"),
    "gain_jpeg": ("smooth", "block-free"),
    "gain_haze": ("clear", "contrasty"),
    "gain_rain": ("dry", "rain-free"),
    "gain_lowlight": ("bright", "well-lit"),
    "gain_lowres": ("detailed", "finely detailed"),
}

RICH = SMALL.extended(
    {
        **_WORDS,
        **_INSTRUCTIONS,
        **_WISHES,
        **_QUESTIONS,
        **_INTENTS,
        **_FINDINGS,
        **_EFFECTS,
        **_PLANS,
        **_RESULTS,
    }
)
