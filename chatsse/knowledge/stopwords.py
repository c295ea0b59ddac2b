"""The words that say nothing of what a text is about, the language that they give away, and what they leave.

Folded as `terms` folds them, with what its cut at apostrophes leaves of *don't* and *qu'est*.
"""

import re
from collections.abc import Iterable
from itertools import chain, pairwise

from chatsse.knowledge.terms import fold, words

# Of a long text, its first and its last ones: where people put what they want.
_MOST_WORDS = 20

_LISTS = {
    "en": """
        a about actually after all also am an and any anyone anything are aren as at be because been
        before being but by bye can cannot cant could couldn d did didn didnt do does doesn doesnt
        doing don done dont else even every for from get gets getting go going got had has have having
        he hello help her here hey hi his how however i if im in instead into is isn isnt it its ive
        just know let like ll m make may maybe me might more most much must my need no not now of off
        ok okay on once one only or other our out over own please possible re really s same say says
        seem seems she should shouldn show so some somehow something still such t tell than thank
        thanks that thats the their them then there these they thing things this those thx to too try
        trying ty up us use used using ve very want wanted was wasn way ways we well were what whats
        when where whether which while who whom whose why will with without won wont would wouldn you
        your yours
    """,
    "de": """
        aber alle allem allen aller alles als also am an auch auf aus bei beim bin bis bist bitte da
        damit dank danke dann das dass dein deine dem den denn der des dich die dies diese diesem
        diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines er es etwas euch
        euer fur gegen geht gibt habe haben hallo hat hatte hier ich ihm ihn ihnen ihr ihre im in ins
        ist ja jede jeder jedes kann kannst kein keine konnen machen mal man mehr mein meine mich mir
        mit moin muss nach nicht noch nun nur ob oder ohne sehr sein seine sich sie sind so soll
        tschuss uber um und uns unser unter vielen vom von vor war warum was wegen weil welche welcher
        welches wenn wer werden wie wieder will wir wird wo worum wovon wurde zu zum zur zwischen
    """,
    "fr": """
        a ai ainsi alors apres as au aussi autre aux avant avec avez avoir avons beaucoup bien bonjour
        bonsoir c ca car ce ceci cela celle celui ces cet cette ceux chez comme comment d dans de des
        deux doit donc dont du elle elles en encore entre es est et etait ete etes etre eu faire fait
        faut il ils j je l la le les leur leurs lui m ma mais me meme merci mes moi mon n ne ni non
        nos notre nous on ont ou par pas peu peut peux plait plus pour pourquoi puis qu quand que quel
        quelle quelles quels qui quoi s sa salut sans se sera ses si sommes son sont sous sur t ta te
        tes toi ton tous tout toute toutes tres tu un une va vers voila vos votre vous y
    """,
    "es": """
        a adios al algo alguna alguno ante antes aqui asi aun aunque bien cada como con cosa cual
        cuales cuando de del desde donde dos e el ella ellas ellos en entre era eres es esa ese eso
        esta estan estas este esto estos estoy favor fue gracias ha hace hacer han hasta hay he hola
        la las le les lo los mas me mi mis mismo muchas mucho muy nada ni no nos nosotros nuestro o os
        otra otro para pero poco por porque puede puedo pues que quien quiero sea ser si sin sobre
        solo son soy su sus tambien tan te tengo ti tiene todo todos tu tus un una uno unos usted y ya
        yo
    """,
    "pt": """
        a ainda algo alguem algum alguma antes ao aos aqui as ate bem cada com como da das de dela
        dele depois do dos e ela elas ele eles em entre era essa esse esta estao estas este estou eu
        favor faz fazer foi ha isso isto ja la lhe mais mas me mesmo meu minha muito na nada nao nas
        nem no nos nossa nosso num numa o obrigada obrigado ola onde os ou outra outro para pela pelo
        pode por porque posso pra quais qual quando que quem quero sao se seja sem ser seu sim so
        sobre sua tambem tchau te tem tenho ter teu tudo um uma umas uns vai voce voces
    """,
    "it": """
        a ad ai al alla alle anche avere c che chi ci ciao come con cosa cui da dai dal dalla de degli
        dei del della delle di dove due e ed era essere fa fare fra gli grazie ha hai hanno ho i il in
        io l la le lei li lo loro lui ma me mi mia mio molto ne nei nel nella no noi non nostro o ogni
        per perche piu po posso puo qual quale quali quando quanto quella quello questa questo qui se
        sei senza si sia sono sta su sua sul sulla suo te ti tra tu tua tuo tutti tutto un una uno va
        vi voi vorrei
    """,
    "nl": """
        aan al alle als bedankt ben bij daar dan dat de deze die dit doen door dus een en er gaat geen
        haar had heb hebben heeft hem het hier hij hoe hoi hun ik in is ja je jij jouw jullie kan kun
        kunnen maar mag maken me meer met mij mijn moet na naar niet nog nu of om omdat onder ons onze
        ook op over te toch toen tot u uit uw van veel voor waar waarom wanneer want was wat we welke
        werd wie wij wil worden wordt ze zelf zich zij zijn zo zou
    """,
    "ar": """
        ما ماذا لماذا متى اين كيف كم هل من الى الي على علي عن في مع هذا هذه ذلك تلك التي الذي الذين هو
        هي هم انا انت نحن كان كانت يكون تكون لا لم لن ليس قد ثم او ام ان لكن كل بعض عند بعد قبل حتى
        بين هناك هنا اي اريد يمكن يمكنني يمكنك فضلك اذا غير ايضا شكرا مرحبا اهلا جزيلا
    """,
}


def _pairs(phrase: str) -> list[str]:
    return list(map("".join, pairwise(phrase))) or [phrase]


# Of scripts that are cut into pairs, what people say; its pairs are the words.
_PHRASES = {
    "ja": """
        ですか でしょうか ますか しますか しました しています していますか すればいいですか するには
        するのですか できますか できません ありますか ありません ありがとう ください くださいませんか
        いつですか いつしますか はいつから どうすれば どうやって どうしたら どうして はどう どこで はどこ
        どこに どれを どの どんな なぜ なんですか はなに とは とはなんですか というのは について
        についての においての のために ための のことを こと もの これは それは あれは この その
        あの ここ そこ から まで より など には では へは をして して した する れば られますか
        られました られる される いる いますか いました ある なる なります のは のが のを のに ので
        だけ でも ても とき たい たいです 教えて 教えてください 何ですか 何を 何が
    """,
    "zh": """
        怎么 怎么样 怎样 怎么办 如何 什么 什么是 是什么 为什么 什么时候 哪里 哪个 哪些 多少 几个 可以吗
        我可以 可以 能不能 是不是 有没有 请问 请 告诉我 我想知道 我想 我要 我们 你们 他们 这个 那个 这些
        那些 这是 那是 一个 一下 的是 的吗 了吗 是的 关于 如果 因为 所以 但是 还是 或者 应该 需要吗
        的 是 了 么 麼 在 我 你 吗 嗎 呢 们 們 这 這 个 個 有 不 什 就 也 和 都 要
        怎麼 怎麼樣 什麼 什麼是 是什麼 為什麼 什麼時候 哪裡 哪個 請問 告訴我 我們 這個 那個 關於
    """,
}
STOP_WORDS = {language: frozenset(words.split()) for language, words in _LISTS.items()} | {
    language: frozenset(chain.from_iterable(map(_pairs, phrases.split())))
    for language, phrases in _PHRASES.items()
}

_PAGE_WORDS = """
    page post posts article articles text summary summaries summarise summarize tldr tl dr overview gist
    topic takeaway takeaways main key point points read reading
    seite beitrag beitrage artikel text thema inhalt zusammenfassung zusammenfassen fasse zusammen
    page billet billets article articles texte sujet contenu resume resumer resumez
    pagina entrada entradas articulo articulos texto tema contenido resumen resumir resume resumeme
    pagina artigo artigos postagem postagens texto tema conteudo resumo resumir resuma
    pagina articolo testo tema riassunto riassumi riassumere
    pagina artikel bericht tekst onderwerp samenvatting samenvatten samengevat
"""
# What people say when they ask about the very page that they are reading.
PAGE_WORDS = frozenset(_PAGE_WORDS.split())

_BLOG_WORDS = """
    blog blogs website site sites webpage homepage here writes written author authors behind
    newest latest recent recently new news
    webseite homepage internetseite neu neue neues neueste neuesten neuester neuestes aktuell aktuelle letzte
    siteweb parle parlez dernier derniers derniere dernieres recent recents nouveau nouveaux nouveautes
    sitio web trata ultimo ultimos ultima ultimas reciente recientes nuevo nuevos novedades
    recente recentes novo novos novidades
    المدونة مدونة احدث الجديد جديد
"""
_BLOG_PHRASES = """
    このブログは何についてですか 何のブログですか このブログの内容は何ですか
    このサイトは何についてですか 何のサイトですか
    最新の記事は何ですか 最新記事 新着記事
    这个博客是关于什么的 這個部落格是關於什麼的 这个网站是讲什么的 这个博客讲什么 最新的文章是什么 最新文章
"""
# What people say when they ask about the blog as a whole, or about what is new there.
BLOG_WORDS = frozenset(chain(_BLOG_WORDS.split(), *map(_pairs, _BLOG_PHRASES.split())))
# Says where to look, and not what for.
_ON_THIS_BLOG = re.compile(
    r"\b(?:(?:on|in|of|from) (?:this|your)|(?:auf|in|aus) (?:dies|dein|eur|ihr)e[mr]"
    r"|(?:sur|dans) (?:ce|votre)|(?:en|de) (?:este|tu|su)|neste|deste|no seu)"
    r" (?:blog|site|website|webseite|seite|sitio)\b",
    re.IGNORECASE,
)

_GREETINGS = """
    hello hi hey hiya howdy greetings morning afternoon evening thanks thank thx ty cheers ok okay great
    nice perfect awesome bye goodbye
    hallo moin servus danke dankeschon dank guten tschuss
    bonjour salut coucou bonsoir merci
    hola gracias adios buenos buenas
    ola obrigado obrigada valeu tchau bom boa
    ciao grazie buongiorno buonasera hoi bedankt dankjewel
    مرحبا اهلا شكرا السلام
"""
_WITH_GREETINGS = """
    you very much many so there again all a lot no for your the help that helped was good info answer have day
    vielen lieben dir tag morgen abend schon sehr fur die hilfe antwort
    beaucoup bien pour votre aide tous tout non
    muchas dias tardes noches por la ayuda todo
    muito dia tarde noite por pela ajuda tudo
    mille tante tutto
    جزيلا لك عليكم
"""
_GREETING_PHRASES = """
    こんにちは こんばんは おはよう おはようございます ありがとう ありがとうございます
    你好 您好 谢谢 謝謝 多谢 再见 早上好 好的
"""
GREETINGS = frozenset(chain(_GREETINGS.split(), *map(_pairs, _GREETING_PHRASES.split())))
_AMONG_GREETINGS = GREETINGS.union(_WITH_GREETINGS.split())

# What only some of the languages are written with, among those that share many of their stop words.
_LETTERS = {
    "de": frozenset("äöüß"),
    "fr": frozenset("àâçèêëîïôùûœ"),
    "es": frozenset("¿¡ñ"),
    "pt": frozenset("ãõâêç"),
    "it": frozenset("àèìòù"),
}


def likeliest_language(words: Iterable[str], letters: str = "") -> str:
    """Return the language that most of the folded `words` are stop words of; empty where none is one.

    Of several, one that has its own among the `letters`, else the first in the lists' order. A letter by
    itself tells none, unless it is an article: C is one of programming, too.
    """
    seen = [word for word in words if len(word) > 1 or word == "a" or not word.isascii()]
    letters_seen = set(letters.casefold())
    counts = {language: sum(word in stop for word in seen) for language, stop in STOP_WORDS.items()}
    has_its_own = {language for language, own in _LETTERS.items() if own & letters_seen}
    language = max(counts, key=lambda each: (counts[each], each in has_its_own))
    return language if counts[language] else ""


def telling(text: str) -> list[tuple[str, ...]]:
    """Return the words of the text that say what it is about, as `terms.words` has them."""
    return _telling(_ON_THIS_BLOG.sub(" ", text)) or _telling(text)


def _telling(text: str) -> list[tuple[str, ...]]:
    compounds = list(dict.fromkeys(words(text)))
    if len(compounds) > 2 * _MOST_WORDS:
        compounds = compounds[:_MOST_WORDS] + compounds[-_MOST_WORDS:]
    folded = [[fold(word) for word in compound] for compound in compounds]
    language = likeliest_language((word for compound in folded for word in compound), text)
    stop = STOP_WORDS.get(language, frozenset())
    # Of "a-t-il" only the parts are known.
    said = [f[1:] if len(f) > 2 else f for f in folded]
    return [compound for compound, parts in zip(compounds, said, strict=True) if not stop.issuperset(parts)]


def is_small_talk(text: str) -> bool:
    """Return whether the text greets or thanks, and asks nothing."""
    said = {fold(word) for compound in words(text) for word in compound}
    return not said.isdisjoint(GREETINGS) and said <= _AMONG_GREETINGS
