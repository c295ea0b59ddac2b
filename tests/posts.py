"""A blog of three posts, for tests of what is read, found and cited."""

from blog_server import BlogServer

POSTS = {
    "bread": "Flour, water, salt and patience are all that bread needs.",
    "tea": "Green tea likes water of eighty degrees.",
    "cake": "A cake without butter is a pity.",
}


def post(title: str, text: str) -> str:
    """Return a post's page."""
    return f"<html lang=en><title>{title}</title><main><h1>{title}</h1><p>{text}</p></main></html>"


def serve_post(blog: BlogServer, name: str, text: str) -> None:
    """Have the blog serve a post as it is from now on."""
    blog.serve(f"/{name}", post(name, text), headers={"ETag": f'"{hash(text)}"'})


def serve_sitemap(blog: BlogServer, *names: str) -> None:
    """Have the blog name these posts."""
    urls = "".join(f"<url><loc>{blog.url}/{name}</loc></url>" for name in names)
    blog.serve("/sitemap.xml", f"<urlset>{urls}</urlset>", kind="application/xml")


def serve_posts(blog: BlogServer) -> str:
    """Have the blog serve all posts, and return the address of its sitemap."""
    for name, text in POSTS.items():
        serve_post(blog, name, text)
    serve_sitemap(blog, *POSTS)
    return f"{blog.url}/sitemap.xml"
