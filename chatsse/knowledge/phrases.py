"""What the chat says of its own where no model is asked, in the languages of the widget."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chatsse.knowledge.stopwords import likeliest_language
from chatsse.knowledge.terms import fold, words


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences of one language."""

    nothing_found: str
    nearest: str
    not_read_yet: str
    ask_away: str


PHRASES = {
    "en": Phrases(
        "I found nothing about that on this blog.",
        "Perhaps one of these pages helps:",
        "I have not read this blog yet. Please ask again a little later.",
        "With pleasure! Ask me anything about this blog.",
    ),
    "de": Phrases(
        "Dazu habe ich in diesem Blog nichts gefunden.",
        "Vielleicht hilft eine dieser Seiten:",
        "Ich habe dieses Blog noch nicht gelesen. Bitte frag etwas später noch einmal.",
        "Gern! Frag mich, was du über dieses Blog wissen möchtest.",
    ),
    "fr": Phrases(
        "Je n’ai rien trouvé à ce sujet sur ce blog.",
        "Ces pages pourraient vous aider :",
        "Je n’ai pas encore lu ce blog. Merci de reposer la question un peu plus tard.",
        "Avec plaisir ! Posez-moi vos questions sur ce blog.",
    ),
    "es": Phrases(
        "No he encontrado nada sobre eso en este blog.",
        "Quizá te sirva alguna de estas páginas:",
        "Todavía no he leído este blog. Vuelve a preguntar un poco más tarde, por favor.",
        "¡Con gusto! Pregúntame lo que quieras sobre este blog.",
    ),
    "pt": Phrases(
        "Não encontrei nada sobre isso neste blog.",
        "Talvez uma destas páginas ajude:",
        "Ainda não li este blog. Pergunte de novo um pouco mais tarde, por favor.",
        "Com prazer! Pergunte o que quiser sobre este blog.",
    ),
    "ja": Phrases(
        "このブログには、それについての記事が見つかりませんでした。",
        "こちらのページが参考になるかもしれません：",
        "このブログをまだ読み込んでいます。しばらくしてから、もう一度お試しください。",
        "このブログについて、何でも聞いてください。",
    ),
    "zh": Phrases(
        "这个博客里没有找到相关内容。",
        "也许这些页面会有帮助：",
        "这个博客的内容还在读取中，请稍后再问一次。",
        "关于这个博客，有什么想知道的都可以问我。",
    ),
    "ar": Phrases(
        "لم أجد شيئًا عن ذلك في هذه المدونة.",
        "ربما تفيدك إحدى هذه الصفحات:",
        "لم أقرأ هذه المدونة بعد. من فضلك اسأل مرة أخرى بعد قليل.",
        "بكل سرور! اسألني عن أي شيء في هذه المدونة.",
    ),
}
# In this order: kana are Japanese whatever else a text holds, and Han without them is taken for Chinese.
SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
)


def phrases_for(question: str, languages: Iterable[str]) -> Phrases:
    """Return the sentences in the language of a question, as far as it shows.

    :param languages: those of the blog, the commonest first, for a question that shows none
    """
    for language, letters in SCRIPTS:
        if letters.search(question):
            return PHRASES[language]
    shown = likeliest_language((fold(word) for compound in words(question) for word in compound), question)
    return next((PHRASES[each] for each in (shown, *languages) if each in PHRASES), PHRASES["en"])
