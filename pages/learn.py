"""Learn: a network's seven steps on one image, three confusions set right, and the story in five pictures."""

import streamlit as st

from resnet_viz.language import tr
from resnet_viz.ui.frame import frame
from resnet_viz.ui.learn import asking
from resnet_viz.ui.learn.mistakes import MISTAKES
from resnet_viz.ui.learn.steps import STEPS, Walk
from resnet_viz.ui.learn.story import story
from resnet_viz.ui.link import link, linked
from resnet_viz.ui.say import misread, say
from resnet_viz.words import learn as words
from resnet_viz.words import lessons
from resnet_viz.words.terms import TERMS, tip

FIRST = next(iter(lessons.PARTS))


def choose_part() -> str:
    """Which part of the page one is at; it stands in the URL."""
    if (asked := linked("part_of_learn", FIRST)) not in lessons.PARTS:
        misread("part_of_learn", asked, lessons.part(FIRST))
        st.session_state["part_of_learn"] = FIRST
    part = st.segmented_control(
        tr("Part"), list(lessons.PARTS), format_func=lessons.part, key="part_of_learn", required=True,
        persist_state="session", label_visibility="collapsed",
    )  # fmt: skip
    link("part_of_learn", part or FIRST, FIRST)
    return part or FIRST


def lesson(key: str, draw, walk: Walk) -> None:
    """What happens, and the picture, formula, control and question of one lesson."""
    st.markdown(tr(lessons.LESSONS[key].text))
    draw(walk)


def go_on(part: str) -> None:
    """A button to the next part."""
    parts = list(lessons.PARTS)
    if part != parts[-1]:
        after = parts[parts.index(part) + 1]
        st.button(
            tr("Next: {part}", part=lessons.part(after)),
            type="primary",
            on_click=st.session_state.update,
            kwargs={"part_of_learn": after},
        )


with frame("Learn"):
    part = choose_part()
    found = asking.answers()
    score = words.score(sum(given == true for given, true, *_ in found.values()), len(found), len(lessons.LESSONS))
    with st.container(key="reading"):
        if part in STEPS:
            say(tr(lessons.LESSONS[part].title))
            lesson(part, STEPS[part], Walk())
        elif part == "mistakes":
            say(lessons.part(part))
            walk = Walk()
            for key, draw in MISTAKES.items():
                st.header(tr(lessons.LESSONS[key].title), anchor=False)
                lesson(key, draw, walk)
        elif part == "story":
            say(tr("Why skips, in five pictures"), tr("From the networks and recordings that ship with the app."))
            story(Walk())
        elif part == "terms":
            say(lessons.part(part))
            st.markdown(tip(*TERMS).replace("  \n", "\n\n"))
        else:
            say(score)
            asking.summary()
        go_on(part)
