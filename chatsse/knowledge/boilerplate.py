"""What on a page is not its content: what nobody sees, what strangers wrote, what each page repeats."""

import re
from collections.abc import Container, Iterator
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

from chatsse.knowledge.html_blocks import HEADINGS
from chatsse.knowledge.html_tree import walk

_NO_TEXT = """
    script, style, noscript, template, iframe, object, embed, svg, canvas, audio, video, map, select,
    button, input, textarea, datalist, progress, meter, rp, rt, dialog:not([open])
"""
# Pages of ASP.NET stand in a form as a whole.
_FORMS = "form:not(#aspnetForm, #form1, :has(h1, main, article))"
# A formula is written twice: as MathML, and as its author did.
_FORMULAS = "semantics:has(annotation) > :not(annotation)"
_LINE_NUMBERS = """
    .linenos, .linenodiv, .lineno, .lnt, .ln, .gutter, .rouge-gutter, .line-numbers-rows, .hljs-ln-numbers
"""
# A tab shows it, or the head of an accordion.
_PANEL = "[role=tabpanel], [role=region][aria-labelledby]"
_HIDDEN = f"""
    [hidden]:not([hidden=until-found], {_PANEL}), [aria-hidden=true i]:not({_PANEL}), .sr-only,
    .visually-hidden, .visuallyhidden, .screen-reader-text
"""

_HIDING_STYLE = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|font-size:0(?:\.0*)?(?:[a-z%]*)(?:;|!|$)|color:transparent"
    r"|(?:left|right|top|bottom|text-indent):-\d{3,}|clip:rect\(0|clip-path:inset\((?:50|100)%"
)
# WordPress, Ghost, and the services that a page can leave its comments to.
_STRANGERS = """
    #comments, .comments, #comment-section, .comment-section, .comments-section, .comments-area,
    .comments-wrapper, .comments-container, #comments-container, .comment-list, .commentlist, .comments-list,
    .comment-thread, .post-comments, #post-comments, .blog-comments, .entry-comments, .article-comments,
    #respond, .comment-respond, article.comment, li.comment, div.comment, section.comment,
    [id^=comment-][class*=comment], [itemtype*=Comment], [itemprop=comment], [itemprop=comments],
    .gh-comments, #ghost-comments-root, #disqus_thread, #disqus-thread, .disqus, .disqus-comments, .giscus,
    .utterances, #isso-thread, .isso-thread, #cusdis_thread, #remark42, .remark42, .fb-comments, #commento,
    #comentario, comentario-comments, .hyvor-talk, #hyvor-talk-view, hyvor-talk-comments, #waline, #twikoo,
    #gitalk-container, #gitment, #vcomments, #valine, .discourse-comments, #discourse-comments,
    .talkyard-comments, #graphcomment, #IntenseDebate, .idc-c, #coral_talk_stream, #hypercomments,
    .webmentions, #webmentions, .webmention, .pingback, .trackback, .p-comment, .u-comment,
    .wp-block-comments, .wp-block-post-comments, #comment-wrap, .comment-wrap, .comments-wrap,
    .comment-wrapper, .comment-box, .squarespace-comments, .page__comments, .post-full-comments,
    .comment-content, .comment-body, #commentaires, #kommentare, #comentarios, #wpdcom, .woocommerce-Reviews,
    :is(div, section, aside, ol, ul):is([aria-label=comments i], [data-testid=comments], [data-hook=comments])
"""
# What other themes may call them, looked at more closely: a part of a page, so that no line of a program is
# taken for one. A heading's id may hold the word, too.
_MAYBE_STRANGERS = ", ".join(
    f"{part}[{name}*={word} i]"
    for part in ("div", "section", "aside", "footer", "article", "ol", "ul", "li", "details")
    for name in ("id", "class")
    for word in ("comment", "kommentar", "comentario", "replies", "reacties", "webmention")
)
_COMMENTS = (
    "(?:comments?|kommentar(?:e|er)?|commentaires?|comentarios?|commenti|replies|reacties|webmentions?)"
)
# No theme has longer names, and the time for one grows with its square.
_STRANGERS_CLASS = re.compile(
    rf"(?!.{{100}})(?!(?:allow|category|has|is|no|show|tag|with)[-_])(?:[a-z0-9]+[-_]+)*{_COMMENTS}(?:[-_]+[a-z0-9]+)*"
    r"(?<![-_]open)(?<![-_]closed)(?<![-_]enabled)(?<![-_]disabled)(?<![-_]off)",
    re.IGNORECASE,
)
_STRANGERS_ID = re.compile(
    r"(?:(?:article|blog|bluesky|entry|facebook|fediverse|mastodon|page|post|reader|user|visitor|wp)[-_]?)?"
    rf"{_COMMENTS}"
    r"(?:[-_]?(?:app|area|block|box|container|form|list|root|section|template|thread|widget|wrap|wrapper))*",
    re.IGNORECASE,
)
_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NAVIGATION = """
    nav, [role=navigation], [role=banner], [role=contentinfo], [role=complementary], [role=search],
    [role=menu], [role=dialog], [role=alertdialog], .breadcrumb, .breadcrumbs, .post-navigation,
    .posts-navigation, .pagination, .post-nav, .nav-links, .prev-next,
    .sidebar:not(:has(> .sidebar-title)), #sidebar, .widget-area,
    .skip-link
"""
# Notes within a text are asides, too.
_ASIDES = """
    aside:not([class*=admonition], [class*=callout], [class*=note], [class*=notice], [class*=alert],
    [class*=starlight-aside], [class*=warning], [class*=tip])
"""
# They link a heading to itself, or a footnote and its place to each other.
_LINK_MARKS = """
    a.headerlink, a.anchor, a.header-anchor, a.heading-anchor, a.heading-link, a.anchor-link, a.hash-link,
    a.anchorjs-link, a.permalink, a.sl-anchor-link, a.zola-anchor, a.footnote-backref, a.reversefootnote,
    [role=doc-backlink], a[href^='#fnref'], [role=doc-noteref], .footnote-ref, sup:has(> a[href^='#fn'])
"""
_CONTENTS = """
    [role=doc-toc], .toc, #toc, .table-of-contents, #table-of-contents, #TableOfContents, .contents.topic,
    .toctree-wrapper, #ez-toc-container, .lwptoc, .wp-block-table-of-contents, .gh-toc, .indextable,
    .genindex-jumpbox, .modindex-jumpbox, .wp-block-rank-math-toc-block, .wp-block-yoast-seo-table-of-contents
"""
# Who wrote it and when, ways to pass it on, what else there is to read; then as single makers call it.
_BESIDE = """
    .byline, .article-byline, .byline-wrapper, .entry-meta, .post-meta, .article-meta, .entry-footer,
    .post-tags, .tags-links, .posted-on, .author-box, .author-bio, .sharedaddy, .sd-sharing, .share,
    .sharing, .share-buttons, .share-links, .social-share, .social-links, .post-share, .entry-share,
    .addtoany_share_save_container, .a2a_kit,
    .jp-relatedposts, #jp-relatedposts, .related, .related-posts, .related-articles, .relatedposts,
    .yarpp-related, .read-next, .newsletter, .subscribe-form, .gh-subscribe, .kg-signup-card,
    .edit-this-page, .theme-doc-footer, .page-metadata, .wp-block-post-date, .wp-block-post-author,
    .wp-block-post-author-name, .wp-block-post-terms, .subscription-widget, .blog-pager, #blog-pager,
    .post-footer, .post-feeds, .last-updated-on, div.date:has(> time),
    header div:has(> time):not(:has(p, h2, h3)),
    .wp-block-group:has(> .wp-block-post-author-name):not(:has(.wp-block-post-content)),
    .wp-block-post-navigation-link, .single .wp-block-query,
    .single .wp-block-group:has(> .wp-block-query):not(:has(.wp-block-post-content)),
    .article-tag, .post-ufi, p.button-wrapper, .blog-item-meta-wrapper, .item-pagination, .node__meta,
    .field--name-field-tags, .speechify-ignore, .license-wrapper, .shared-counts-wrap, .quarto-title-meta,
    .quarto-categories, [data-hook=post-footer], .multiple_reactions_engagement, .spec__tags, .page__related,
    .mw-editsection, .mw-jump-link, #siteNotice, #siteSub, #catlinks, .printfooter, [class*=authorCol_],
    .theme-doc-version-badge, .theme-doc-version-banner,
    .elementor-widget-post-info, .elementor-widget-share-buttons, .elementor-widget-author-box,
    .elementor-widget-post-navigation, .elementor-widget-posts
"""
# What other themes may call it, looked at more closely: by all of its name, and little is in it.
_MAYBE_BESIDE = "div[class], section[class], aside[class], p[class], ul[class]"
_PARTS = (
    "(?:[-_]+(?:area|articles?|bar|bio|blocks?|box|btns?|buttons?|callout|card|container|content|cta"
    "|description|footer|forms?|icons?|info|inner|items?|links?|list|media|pages?|panel|posts?|profile|promo"
    "|reading|row|section|sign-?up|stories|widget|wrap|wrapper))"
)
_BESIDE_CLASS = re.compile(
    rf"(?!(?:category|tag|has|no|with|is)[-_])(?:[a-z0-9]+[-_]+)*(?:newsletter{_PARTS}*|mc4wp-form"
    rf"|(?:subscribe|subscription|shared?|sharing|social|related|recommended|author){_PARTS}+"
    r"|(?:post|entry|article|page|blog)[-_]+(?:author|categor(?:y|ies)|date|meta|metadata|nav(?:igation)?"
    r"|nav[-_]links|pagination|share|tags?)"
    r"|(?:latest|more|other|popular|recent|similar)[-_](?:posts|articles|stories)"
    r"|you[-_](?:may|might)[-_](?:also[-_])?like|cookie[-_]?(?:banner|bar|consent|dialog|info|law|message|modal"
    r"|notice|overlay|popup|warning))",
    re.IGNORECASE,
)
_FEW_WORDS = 100
_DATELINE_WORDS = 16
_SENTENCE = re.compile(r"[.!?。！？]\s*\Z")
_BANNERS = """
    .cookie-banner, .cookie-consent, .cookie-notice, .cookie-bar, #cookie-banner, #cookie-consent,
    #cookie-notice, #cookie-law-info-bar, #cookiebanner, #onetrust-consent-sdk, #CybotCookiebotDialog,
    .cc-window, .cc-banner, .cmplz-cookiebanner, #gdpr-consent, .gdpr-banner, .advertisement, .adsbygoogle
"""
_UNSEEN = ", ".join((_NO_TEXT, _FORMS, _FORMULAS, _LINE_NUMBERS, _HIDDEN))
_AROUND = ", ".join((_NAVIGATION, _CONTENTS, _BESIDE, _BANNERS))
_FRAME = "footer:not(blockquote footer), header:not(main header, article header, section header)"
# A class of these is a theme's word about the page, not about a part of it.
_WHOLE = frozenset({"html", "body", "main"})
_TEXTS = frozenset({"p", "ul", "ol", "dl", "pre", "blockquote", "figure", "table", *HEADINGS})
# So many siblings away.
_NEAR = 20
_BARE_MARK = re.compile(r"[\W_]*")


def unseen(tree: LexborHTMLParser) -> frozenset[int]:
    """Return the `mem_id` of what the page hides from its readers, or leaves to strangers."""
    nodes = (*tree.css(_UNSEEN), *_styled_away(tree), *_by_strangers(tree))
    return frozenset(
        node.mem_id
        for node in nodes
        if node.tag not in _WHOLE
        and node.css_first("main") is None
        and not (_is_heading(node) or _is_section(node))
    )


def _by_strangers(tree: LexborHTMLParser) -> list[LexborNode]:
    # The id of a heading is made of its words.
    known = [node for node in tree.css(_STRANGERS) if node.tag not in HEADINGS]
    return known + [
        node
        for node in tree.css(_MAYBE_STRANGERS)
        if node.css_first("article h1") is None
        and (
            _STRANGERS_ID.fullmatch(node.attributes.get("id") or "")
            or any(
                map(_STRANGERS_CLASS.fullmatch, _HUMPS.sub("-", node.attributes.get("class") or "").split())
            )
        )
    ]


def _is_section(node: LexborNode) -> bool:
    """Tell whether it is a section of a manual, named after its heading, which may be "Comments"."""
    first = next(node.iter(), None)
    return node.tag == "section" and first is not None and first.css_first("a.headerlink") is not None


def _is_heading(node: LexborNode) -> bool:
    """Tell whether a button or a link is all that a heading says, as in an accordion (ARIA APG)."""
    above = node.parent
    if node.tag not in ("a", "button") or above is None or above.tag not in HEADINGS:
        return False
    beside = (each for side in ("prev", "next") for each in islice(_siblings(node, side), _NEAR))
    return _says(node) and not any(map(_says, beside))


def _says(node: LexborNode) -> bool:
    text = node.text_content if (node.tag or "").startswith("-") else node.text_lexbor()
    return node.tag != "-comment" and any(map(str.isalnum, text or ""))


def boilerplate(tree: LexborHTMLParser) -> frozenset[int]:
    """Return the `mem_id` of what readers see and is not content."""
    around = (*_surroundings(tree), *_frame(tree), *_datelines(tree), *_marks(tree))
    return frozenset(node.mem_id for node in around)


def _surroundings(tree: LexborHTMLParser) -> list[LexborNode]:
    asides = (node for node in tree.css(_ASIDES) if not _is_remark(node))
    return [
        node
        for node in (*tree.css(_AROUND), *asides, *_named_so(tree))
        if node.tag not in _WHOLE | {"article", *HEADINGS} and node.css_first("main, h1") is None
    ]


def _is_remark(aside: LexborNode) -> bool:
    """Tell whether an aside stands between the parts of a text: the author put it there, not the theme."""
    return all(
        any(each.tag in _TEXTS for each in islice(_siblings(aside, side), _NEAR)) for side in ("prev", "next")
    )


def _siblings(node: LexborNode, side: str) -> Iterator[LexborNode]:
    while (node := getattr(node, side)) is not None:
        yield node


def _named_so(tree: LexborHTMLParser) -> list[LexborNode]:
    """Return what a theme's names tell to stand beside the text, and its size does not belie."""
    named = [
        node
        for node in tree.css(_MAYBE_BESIDE)
        if any(map(_BESIDE_CLASS.fullmatch, (node.attributes.get("class") or "").split()))
    ]
    content = tree.css_first("main, article") or tree.body
    if not named or content is None:
        return []
    sizes = _words_in(tree, {node.mem_id for node in (*named, content)})
    few = min(_FEW_WORDS, sizes[content.mem_id] // 3)
    return [node for node in named if sizes[node.mem_id] <= few]


def _words_in(tree: LexborHTMLParser, wanted: Container[int]) -> dict[int, int]:
    """Return by `mem_id` how many words there are in some elements, in one walk: they may nest."""
    sizes: dict[int, int] = {}
    words = 0
    for node, is_entered in walk(tree.root, ()) if tree.root else ():
        if node.tag == "-text":
            words += len((node.text_content or "").split()) if is_entered else 0
        elif node.mem_id in wanted:
            sizes[node.mem_id] = words - (0 if is_entered else sizes[node.mem_id])
    return sizes


def _styled_away(tree: LexborHTMLParser) -> list[LexborNode]:
    return [
        node
        for node in tree.css(f"[style]:not({_PANEL})")
        if _HIDING_STYLE.search("".join((node.attributes.get("style") or "").lower().split()))
    ]


def _frame(tree: LexborHTMLParser) -> list[LexborNode]:
    """Return the headers and footers of the page, and the footers of its articles."""
    framing = tree.css(_FRAME)
    return [node for node in framing if node.css_first("main, article") is None]


def _datelines(tree: LexborHTMLParser) -> list[LexborNode]:
    """Return the short lines beside a title that say when the text was written."""
    return [
        line
        for line in tree.css("h1 ~ :is(p, div, span):has(> time), h1 ~ time")
        if len(line.text_lexbor().split()) <= _DATELINE_WORDS and not _SENTENCE.search(line.text_lexbor())
    ]


def _marks(tree: LexborHTMLParser) -> list[LexborNode]:
    """Return the links that only lead to the heading or the place they stand at."""
    links = tree.css(":is(h1, h2, h3, h4, h5, h6) a[href*='#']")
    bare = [link for link in links if _BARE_MARK.fullmatch(link.text_lexbor())]
    return bare + [link for link in tree.css(_LINK_MARKS) if not _is_heading(link)]
