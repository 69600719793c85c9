#include "store/url.h"

#include "base/error.h"
#include <string.h>

bool store_url_is(const char *text)
{
    return strstr(text, "://") != NULL;
}

/* Where the name begins and how long it is; what is behind it is the store's query. */
static const char *find_name(const char *url, size_t *length)
{
    const size_t path = strcspn(url, "?#");
    size_t at = path;
    while (at > 0 && url[at - 1] != '/')
        at--;
    *length = path - at;
    return url + at;
}

char *store_url_name(const char *url)
{
    size_t length = 0;
    const char *name = find_name(url, &length);
    char *decoded = g_uri_unescape_segment(name, name + length, NULL);
    return decoded != NULL ? decoded : g_strndup(name, length);
}

static Store *open_store(const char *url, GError **error)
{
    size_t length = 0;
    const char *name = find_name(url, &length);
    g_autoptr(GString) parent = g_string_new_len(url, name - url);
    /* The slash before the name goes, but not those of "s3://". */
    if (parent->len > 0 && !g_str_has_suffix(parent->str, "//"))
        g_string_truncate(parent, parent->len - 1);
    g_string_append(parent, name + length);
    return store_open(parent->str, error);
}

/* ---- reading ---- */

/* It owns what it reads from in this order: bytes before store. */
typedef struct {
    Source source;
    Source *bytes;
    Store *store;
} UrlSource;

static bool read_url(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    return source_read(((UrlSource *)source)->bytes, data, size_bytes, got, error);
}

static void clear_url(Source *source)
{
    source_free(((UrlSource *)source)->bytes);
    store_free(((UrlSource *)source)->store);
}

Source *store_url_get(const char *url, GError **error)
{
    static const SourceKind kind = {read_url, clear_url};
    UrlSource *own = g_new0(UrlSource, 1);
    g_autoptr(Source) source = &own->source;
    g_autofree char *name = store_url_name(url);
    source->kind = &kind;
    own->store = open_store(url, error);
    own->bytes = own->store != NULL ? store_get(own->store, name, 0, UINT64_MAX, error) : NULL;
    return own->bytes != NULL ? g_steal_pointer(&source) : NULL;
}

/* ---- writing ---- */

typedef struct {
    Sink sink;
    Sink *bytes;
    Store *store;
} UrlSink;

static bool write_url(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    return sink_write(((UrlSink *)sink)->bytes, data, size_bytes, error);
}

static bool commit_url(Sink *sink, GError **error)
{
    return sink_commit(((UrlSink *)sink)->bytes, error);
}

static void discard_url(Sink *sink)
{
    sink_free(((UrlSink *)sink)->bytes);
    store_free(((UrlSink *)sink)->store);
}

Sink *store_url_put(const char *url, const StorePutOptions *options, GError **error)
{
    static const SinkKind kind = {write_url, commit_url, discard_url};
    UrlSink *own = g_new0(UrlSink, 1);
    g_autoptr(Sink) sink = &own->sink;
    g_autofree char *name = store_url_name(url);
    sink->kind = &kind;
    own->store = open_store(url, error);
    own->bytes = own->store != NULL ? store_put(own->store, name, options, error) : NULL;
    return own->bytes != NULL ? g_steal_pointer(&sink) : NULL;
}
