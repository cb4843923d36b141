"""Learn: a network's seven steps on one image, three confusions set right, and the story in five pictures."""

import streamlit as st

from resnet_viz.ui.frame import frame
from resnet_viz.ui.learn import asking
from resnet_viz.ui.learn.mistakes import MISTAKES
from resnet_viz.ui.learn.steps import STEPS, Walk
from resnet_viz.ui.learn.story import story
from resnet_viz.ui.link import link, linked
from resnet_viz.ui.say import misread, say
from resnet_viz.words import learn as words
from resnet_viz.words.terms import TERMS, tip

FIRST = next(iter(words.PARTS))


def choose_part() -> str:
    """Which part of the page one is at; it stands in the URL."""
    if (asked := linked("part_of_learn", FIRST)) not in words.PARTS:
        misread("part_of_learn", asked, words.PARTS[FIRST])
        st.session_state["part_of_learn"] = FIRST
    part = st.segmented_control(
        "Part", list(words.PARTS), format_func=words.PARTS.__getitem__, key="part_of_learn", required=True,
        persist_state="session", label_visibility="collapsed",
    )  # fmt: skip
    link("part_of_learn", part or FIRST, FIRST)
    return part or FIRST


def lesson(key: str, draw, walk: Walk) -> None:
    """What happens, and the picture, formula, control and question of one lesson."""
    st.markdown(words.LESSONS[key].text)
    draw(walk)


def go_on(part: str) -> None:
    """A button to the next part."""
    parts = list(words.PARTS)
    if part != parts[-1]:
        after = parts[parts.index(part) + 1]
        st.button(
            f"Next: {words.PARTS[after]}",
            type="primary",
            on_click=st.session_state.update,
            kwargs={"part_of_learn": after},
        )


with frame("Learn"):
    part = choose_part()
    found = asking.answers()
    score = words.score(sum(given == true for given, true, _ in found.values()), len(found), len(words.LESSONS))
    with st.container(key="reading"):
        if part in STEPS:
            say(words.LESSONS[part].title)
            lesson(part, STEPS[part], Walk())
        elif part == "mistakes":
            say(words.PARTS[part])
            walk = Walk()
            for key, draw in MISTAKES.items():
                st.header(words.LESSONS[key].title, anchor=False)
                lesson(key, draw, walk)
        elif part == "story":
            say("Why skips, in five pictures", "From the networks and recordings that ship with the app.")
            story(Walk())
        elif part == "terms":
            say(words.PARTS[part])
            st.markdown(tip(*TERMS).replace("  \n", "\n\n"))
        else:
            say(score)
            asking.summary()
        go_on(part)
