/* s3://: looking at, reading, listing, locking and deleting objects. */
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "store/s3.h"
#include <string.h>

#define GET_BYTES ((uint64_t)8 * 1024 * 1024)
#define LIST_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* ---- head ---- */

void s3_head_clear(S3Head *head)
{
    g_free(head->etag);
    g_free(head->version);
    g_free(head->put_id);
    g_free(head->sha256);
    *head = (S3Head){0};
}

/* "2026-11-22T13:05:01.000Z"; 0 if it is none. */
static int64_t parse_time(const char *text)
{
    int64_t time_us = 0;
    return text != NULL && clock_parse_time(text, 0, &time_us, NULL) ? time_us : 0;
}

static StoreLock parse_lock(const char *mode)
{
    if (g_strcmp0(mode, "GOVERNANCE") == 0)
        return STORE_LOCK_GOVERNANCE;
    return g_strcmp0(mode, "COMPLIANCE") == 0 ? STORE_LOCK_COMPLIANCE : STORE_LOCK_NONE;
}

/* Entity tags come with quotes around them, or as "&quot;" in XML, which the parser undoes. */
static char *unquoted(const char *text)
{
    g_autofree char *copy = g_strdup(text);
    char *start = copy;
    if (copy == NULL)
        return NULL;
    if (start[0] == '"')
        start++;
    if (g_str_has_suffix(start, "\""))
        start[strlen(start) - 1] = '\0';
    return g_strdup(start);
}

static void read_head(const HttpAnswer *answer, S3Head *head)
{
    const char *size = http_header(answer, "content-length");
    head->exists = true;
    head->size_bytes = size != NULL ? g_ascii_strtoull(size, NULL, 10) : 0;
    head->modified_us = s3_http_time(http_header(answer, "last-modified"));
    head->etag = unquoted(http_header(answer, "etag"));
    head->version = g_strdup(http_header(answer, "x-amz-version-id"));
    head->put_id = g_strdup(http_header(answer, S3_PUT_ID));
    head->sha256 = g_strdup(http_header(answer, S3_SHA256));
    head->retention.lock = parse_lock(http_header(answer, "x-amz-object-lock-mode"));
    head->retention.until_us =
        parse_time(http_header(answer, "x-amz-object-lock-retain-until-date"));
}

bool s3_head(S3 *s3, const char *full_key, bool cleanup, S3Head *head, GError **error)
{
    const S3Request request = {.method = "HEAD", .key = full_key, .cleanup = cleanup};
    g_autofree char *place = s3_place(s3, full_key);
    g_autofree char *what = g_strdup_printf("look at '%s'", place);
    g_autoptr(S3Answer) answer = s3_send(s3, &request, error);
    if (answer == NULL) {
        g_prefix_error(error, "cannot %s: ", what);
        return false;
    }
    if (answer->http->status == 404)
        return true;
    if (!s3_succeeded(answer)) {
        s3_set_refused(s3, answer, what, error);
        return false;
    }
    read_head(answer->http, head);
    return true;
}

bool s3_head_object(gpointer state, const char *key, StoreObject **object, GError **error)
{
    S3 *s3 = state;
    g_autofree char *full_key = s3_full_key(s3, key);
    g_auto(S3Head) head = {0};
    if (!s3_head(s3, full_key, false, &head, error))
        return false;
    if (!head.exists)
        return true;
    *object = g_new0(StoreObject, 1);
    (*object)->key = g_strdup(key);
    (*object)->size_bytes = head.size_bytes;
    (*object)->modified_us = head.modified_us;
    (*object)->sha256 = g_steal_pointer(&head.sha256);
    (*object)->retention = head.retention;
    return true;
}

/* ---- get: in ranges, each of which can be asked for again ---- */

typedef struct {
    Source source;
    S3 *s3;
    char *full_key, *place, *etag;
    uint64_t at, end; /* what is still to be asked for */
    GByteArray *block;
    size_t used; /* of the block */
} Get;

static bool check_range(const Get *get, const S3Answer *answer, uint64_t wanted, GError **error)
{
    if (answer->http->status == 412 || answer->http->status == 404) {
        error_set(error, ERROR_INTEGRITY, "'%s' has changed while it was read", get->place);
        return false;
    }
    if (!s3_succeeded(answer)) {
        g_autofree char *what = g_strdup_printf("read '%s'", get->place);
        s3_set_refused(get->s3, answer, what, error);
        return false;
    }
    if (answer->http->status != 206 || answer->http->body->len != wanted) {
        error_set(error, ERROR_IO, "cannot read '%s': the store did not send the range asked for",
                  get->place);
        return false;
    }
    return true;
}

static bool fetch(Get *get, GError **error)
{
    const uint64_t wanted = MIN(GET_BYTES, get->end - get->at);
    g_autofree char *range = g_strdup_printf("bytes=%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT,
                                             get->at, get->at + wanted - 1);
    g_autofree char *match = g_strdup_printf("\"%s\"", get->etag != NULL ? get->etag : "");
    const char *const headers[] = {"range", range, get->etag != NULL ? "if-match" : NULL, match,
                                   NULL};
    const S3Request request = {.method = "GET",
                               .key = get->full_key,
                               .headers = headers,
                               .answer_max_bytes = (size_t)wanted + 64 * 1024};
    g_autoptr(S3Answer) answer = s3_send(get->s3, &request, error);
    if (answer == NULL) {
        g_prefix_error(error, "cannot read '%s': ", get->place);
        return false;
    }
    if (!check_range(get, answer, wanted, error))
        return false;
    g_byte_array_unref(get->block);
    get->block = g_byte_array_ref(answer->http->body);
    get->used = 0;
    get->at += wanted;
    return true;
}

static bool get_read(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    Get *get = (Get *)source;
    if (get->used == get->block->len && get->at < get->end && !fetch(get, error))
        return false;
    *got = MIN(size_bytes, get->block->len - get->used);
    if (*got > 0)
        memcpy(data, get->block->data + get->used, *got);
    get->used += *got;
    return true;
}

static void get_clear(Source *source)
{
    Get *get = (Get *)source;
    g_byte_array_unref(get->block);
    g_free(get->full_key);
    g_free(get->place);
    g_free(get->etag);
}

Source *s3_get(gpointer state, const char *key, uint64_t offset, uint64_t length_bytes,
               GError **error)
{
    static const SourceKind kind = {get_read, get_clear};
    S3 *s3 = state;
    g_autofree char *full_key = s3_full_key(s3, key);
    g_auto(S3Head) head = {0};
    Get *get = NULL;
    if (!s3_head(s3, full_key, false, &head, error))
        return NULL;
    if (!head.exists) {
        g_autofree char *place = s3_place(s3, full_key);
        error_set(error, ERROR_IO, "cannot read '%s': there is no such object", place);
        return NULL;
    }
    get = g_new0(Get, 1);
    get->source.kind = &kind;
    get->s3 = s3;
    get->place = s3_place(s3, full_key);
    get->full_key = g_steal_pointer(&full_key);
    get->etag = g_steal_pointer(&head.etag);
    get->at = MIN(offset, head.size_bytes);
    get->end = length_bytes < head.size_bytes - get->at ? get->at + length_bytes : head.size_bytes;
    get->block = g_byte_array_new();
    return &get->source;
}

/* ---- list ---- */

/* Keys come percent-encoded, because XML cannot hold all of them; a blank comes as '+' or %20. */
static char *decode_key(const char *text)
{
    g_autofree char *spaced = g_strdelimit(g_strdup(text), "+", ' ');
    return g_uri_unescape_string(spaced, NULL);
}

static bool read_object(const S3 *s3, const XmlNode *node, GPtrArray *objects)
{
    g_autofree char *raw = xml_text(node, "Key");
    g_autofree char *key = raw != NULL ? decode_key(raw) : NULL;
    g_autofree char *size = xml_text(node, "Size");
    g_autofree char *modified = xml_text(node, "LastModified");
    StoreObject *object = NULL;
    if (key == NULL || size == NULL || !g_str_has_prefix(key, s3->config->prefix))
        return false;
    object = g_new0(StoreObject, 1);
    object->key = g_strdup(key + strlen(s3->config->prefix));
    object->size_bytes = g_ascii_strtoull(size, NULL, 10);
    object->modified_us = parse_time(modified);
    g_ptr_array_add(objects, object);
    return true;
}

static bool read_page(const S3 *s3, const S3Answer *answer, GPtrArray *objects, char **next,
                      GError **error)
{
    g_autoptr(Xml) xml = s3_answer_xml(answer, "list the store", error);
    const XmlNode *root = xml != NULL ? xml_root(xml) : NULL;
    g_autofree char *more = NULL;
    if (root == NULL)
        return false;
    for (const XmlNode *node = xml_child(root, "Contents"); node != NULL;
         node = xml_next(node, "Contents")) {
        if (!read_object(s3, node, objects)) {
            error_set(error, ERROR_IO, "cannot list the store: an entry makes no sense");
            return false;
        }
    }
    more = xml_text(root, "IsTruncated");
    *next = g_strcmp0(more, "true") == 0 ? xml_text(root, "NextContinuationToken") : NULL;
    if (*next != NULL || g_strcmp0(more, "true") != 0)
        return true;
    error_set(error, ERROR_IO, "cannot list the store: a page does not say what comes next");
    return false;
}

bool s3_list(gpointer state, const char *prefix, GPtrArray *objects, GError **error)
{
    S3 *s3 = state;
    g_autofree char *full = s3_full_key(s3, prefix);
    g_autofree char *token = NULL;
    do {
        const char *const query[] = {"list-type",
                                     "2",
                                     "prefix",
                                     full,
                                     "encoding-type",
                                     "url",
                                     token != NULL ? "continuation-token" : NULL,
                                     token,
                                     NULL};
        const S3Request request = {
            .method = "GET", .query = query, .answer_max_bytes = LIST_MAX_BYTES, .xml = true};
        g_autoptr(S3Answer) answer = s3_ask(s3, &request, "list the store", error);
        g_autofree char *next = NULL;
        if (answer == NULL || !read_page(s3, answer, objects, &next, error))
            return false;
        if (next != NULL && g_strcmp0(next, token) == 0) {
            error_set(error, ERROR_IO, "cannot list the store: it gives the same page again");
            return false;
        }
        g_free(token);
        token = g_steal_pointer(&next);
    } while (token != NULL);
    return true;
}

/* ---- delete ---- */

bool s3_delete_version(S3 *s3, const char *full_key, const char *version, bool cleanup,
                       GError **error)
{
    const char *const query[] = {version != NULL ? "versionId" : NULL, version, NULL};
    const S3Request request = {
        .method = "DELETE", .key = full_key, .query = query, .cleanup = cleanup};
    g_autofree char *place = s3_place(s3, full_key);
    g_autofree char *what = g_strdup_printf("delete '%s'", place);
    g_autoptr(S3Answer) answer = s3_send(s3, &request, error);
    if (answer == NULL) {
        g_prefix_error(error, "cannot %s: ", what);
        return false;
    }
    if (s3_succeeded(answer) || answer->http->status == 404)
        return true;
    s3_set_refused(s3, answer, what, error);
    if (answer->http->status == 403) {
        error_recode(error, ERROR_REFUSED);
        error_hint_set(error, "it is locked, or these credentials may not delete");
    }
    return false;
}

/* The versions of a key, delete markers too, as the store lists them: the newest first. */
static GPtrArray *list_versions(S3 *s3, const char *full_key, bool cleanup, GError **error)
{
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    const char *const query[] = {"versions", "", "prefix", full_key, "encoding-type", "url", NULL};
    const S3Request request = {.method = "GET",
                               .query = query,
                               .answer_max_bytes = LIST_MAX_BYTES,
                               .cleanup = cleanup,
                               .xml = true};
    g_autoptr(S3Answer) answer = s3_ask(s3, &request, "list the versions of an object", error);
    g_autoptr(Xml) xml =
        answer != NULL ? s3_answer_xml(answer, "list the versions of an object", error) : NULL;
    static const char *const kinds[] = {"Version", "DeleteMarker"};
    if (xml == NULL)
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (const XmlNode *node = xml_child(xml_root(xml), kinds[i]); node != NULL;
             node = xml_next(node, kinds[i])) {
            g_autofree char *raw = xml_text(node, "Key");
            g_autofree char *key = raw != NULL ? decode_key(raw) : NULL;
            if (g_strcmp0(key, full_key) == 0)
                g_ptr_array_add(versions, xml_text(node, "VersionId"));
        }
    }
    return g_steal_pointer(&versions);
}

/* In a bucket with versions, a plain DELETE would hide the object and keep its bytes. */
static bool delete_all(S3 *s3, const char *key, bool cleanup, GError **error)
{
    g_autofree char *full_key = s3_full_key(s3, key);
    g_auto(S3Head) head = {0};
    g_autoptr(GPtrArray) versions = NULL;
    if (!s3_head(s3, full_key, cleanup, &head, error))
        return false;
    if (!head.exists)
        return true;
    if (head.version == NULL || strcmp(head.version, "null") == 0)
        return s3_delete_version(s3, full_key, head.version, cleanup, error);
    /* Page by page: of all keys that begin so, this one comes first. */
    while ((versions = list_versions(s3, full_key, cleanup, error)) != NULL && versions->len > 0) {
        for (guint i = 0; i < versions->len; i++) {
            if (!s3_delete_version(s3, full_key, g_ptr_array_index(versions, i), cleanup, error))
                return false;
        }
        g_clear_pointer(&versions, g_ptr_array_unref);
    }
    return versions != NULL;
}

bool s3_delete(gpointer state, const char *key, GError **error)
{
    return delete_all(state, key, false, error);
}

bool s3_take_back(gpointer state, const char *key, GError **error)
{
    return delete_all(state, key, true, error);
}

/* ---- locks ---- */

static const char *lock_name(StoreLock lock)
{
    return lock == STORE_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE";
}

static char *retention_xml(const StoreRetention *retention)
{
    g_autoptr(GDateTime) until =
        g_date_time_new_from_unix_utc(retention->until_us / G_USEC_PER_SEC);
    g_autofree char *text = g_date_time_format(until, "%Y-%m-%dT%H:%M:%SZ");
    return g_strdup_printf("<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                           "<Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>",
                           lock_name(retention->lock), text);
}

static bool read_lock(S3 *s3, const S3Request *request, const char *place,
                      const StoreRetention *wanted, GError **error)
{
    g_autofree char *what = g_strdup_printf("read back the lock of '%s'", place);
    g_autoptr(S3Answer) answer = s3_ask(s3, request, what, error);
    g_autoptr(Xml) xml = answer != NULL ? s3_answer_xml(answer, what, error) : NULL;
    g_autofree char *mode = xml != NULL ? xml_text(xml_root(xml), "Mode") : NULL;
    g_autofree char *until = xml != NULL ? xml_text(xml_root(xml), "RetainUntilDate") : NULL;
    if (xml == NULL)
        return false;
    if (parse_lock(mode) == wanted->lock &&
        parse_time(until) / G_USEC_PER_SEC >= wanted->until_us / G_USEC_PER_SEC)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "'%s' is not locked as it must be, though the store has accepted the lock", place);
    return false;
}

bool s3_lock(S3 *s3, const char *full_key, const char *version, const StoreRetention *retention,
             GError **error)
{
    const char *const query[] = {"retention", "", version != NULL ? "versionId" : NULL, version,
                                 NULL};
    g_autofree char *body = retention_xml(retention);
    g_autofree char *md5 = s3_base64_md5(body, strlen(body));
    g_autofree char *sha256 = s3_base64_sha256(body, strlen(body));
    const char *const headers[] = {md5 != NULL ? "content-md5" : "x-amz-checksum-sha256",
                                   md5 != NULL ? md5 : sha256, NULL};
    const S3Request put = {.method = "PUT",
                           .key = full_key,
                           .query = query,
                           .headers = headers,
                           .body = body,
                           .body_bytes = strlen(body)};
    const S3Request get = {.method = "GET", .key = full_key, .query = query, .xml = true};
    g_autofree char *place = s3_place(s3, full_key);
    g_autofree char *what = g_strdup_printf("lock '%s'", place);
    g_autoptr(S3Answer) answer = s3_send(s3, &put, error);
    if (answer == NULL) {
        g_prefix_error(error, "cannot %s: ", what);
        return false;
    }
    if (!s3_succeeded(answer)) {
        s3_set_refused(s3, answer, what, error);
        error_recode(error, ERROR_REFUSED);
        error_hint_set(error, "the bucket needs Object Lock, and the credentials "
                              "s3:PutObjectRetention; a lock can be extended, not shortened");
        return false;
    }
    return read_lock(s3, &get, place, retention, error);
}

bool s3_set_retention(gpointer state, const char *key, const StoreRetention *retention,
                      GError **error)
{
    S3 *s3 = state;
    g_autofree char *full_key = s3_full_key(s3, key);
    return retention->lock == STORE_LOCK_NONE || s3_lock(s3, full_key, NULL, retention, error);
}
