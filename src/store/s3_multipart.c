/*
 * s3://: what is larger than a part. A crew of threads sends parts while the next one is filled;
 * parts grow with their number, so that 10,000 of them are enough for 5 TiB, and there are fewer
 * at a time when they are large.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "store/s3_put.h"
#include <string.h>

#define MAX_PARTS 10000
#define PART_MIN_BYTES ((uint64_t)5 * 1024 * 1024)
#define PART_MAX_BYTES ((uint64_t)5 * 1024 * 1024 * 1024)
#define GROW_EVERY 1000
#define MEGABYTE ((uint64_t)1024 * 1024)
/* Of all parts of a put that are in memory at a time, if one alone is not larger. */
#define MEMORY_BYTES ((uint64_t)256 * 1024 * 1024)
#define COMPLETE_PATIENCE 4
#define ABORT_TRIES 4
#define SLACK_US (2 * G_USEC_PER_SEC) /* dates of stores are whole seconds */

/* ---- parts ---- */

void s3_part_free(S3Part *part)
{
    g_free(part->data);
    g_free(part->etag);
    g_free(part->sha256);
    g_free(part);
}

static void old_part_free(gpointer data)
{
    S3OldPart *part = data;
    g_free(part->etag);
    g_free(part->sha256);
    g_free(part);
}

/* If the size is known, 9000 parts are enough; what comes beside that doubles every 1000. */
size_t s3_part_bytes(const S3Put *put, int number)
{
    const uint64_t least = MAX(put->s3->config->part_bytes, put->size_hint_bytes / 9000);
    const uint64_t even = (least + MEGABYTE - 1) / MEGABYTE * MEGABYTE;
    if (put->old_parts != NULL && (guint)number <= put->old_parts->len)
        return (size_t)((S3OldPart *)g_ptr_array_index(put->old_parts, number - 1))->size_bytes;
    return (size_t)MIN(even << MIN((number - 1) / GROW_EVERY, 10), PART_MAX_BYTES);
}

S3Part *s3_part_new(S3Put *put, GError **error)
{
    S3Part *part = g_new0(S3Part, 1);
    part->number = (int)put->parts->len + 1;
    part->room_bytes = s3_part_bytes(put, part->number);
    g_mutex_lock(&put->mutex);
    if (put->spare_bytes == part->room_bytes)
        part->data = g_steal_pointer(&put->spare);
    else
        g_clear_pointer(&put->spare, g_free);
    put->spare_bytes = 0;
    g_mutex_unlock(&put->mutex);
    if (part->data == NULL)
        part->data = g_try_malloc(part->room_bytes);
    if (part->data != NULL)
        return part;
    s3_part_free(part);
    error_set(error, ERROR_IO, "there is no memory for a part of '%s'", put->place);
    return NULL;
}

/* ---- beginning, anew or where an earlier attempt has ended ---- */

static void upload_free(gpointer data)
{
    S3Upload *upload = data;
    g_free(upload->key);
    g_free(upload->id);
    g_free(upload);
}

static void read_upload(const XmlNode *node, GPtrArray *uploads)
{
    S3Upload *upload = g_new0(S3Upload, 1);
    g_autofree char *begun = xml_text(node, "Initiated");
    upload->key = xml_text(node, "Key");
    upload->id = xml_text(node, "UploadId");
    if (begun == NULL || !clock_parse_time(begun, 0, &upload->begun_us, NULL))
        upload->begun_us = 0;
    if (upload->key != NULL && upload->id != NULL)
        g_ptr_array_add(uploads, upload);
    else
        upload_free(upload);
}

/* Keys are not asked for in an encoding: not all stores do that here, and ours have no character
 * that XML cannot hold. */
GPtrArray *s3_list_uploads(S3 *s3, const char *full_prefix, bool cleanup, GError **error)
{
    g_autoptr(GPtrArray) uploads = g_ptr_array_new_with_free_func(upload_free);
    g_autofree char *key_marker = NULL;
    g_autofree char *id_marker = NULL;
    bool more = true;
    while (more) {
        const char *const query[] = {"uploads",
                                     "",
                                     "prefix",
                                     full_prefix,
                                     key_marker != NULL ? "key-marker" : NULL,
                                     key_marker,
                                     id_marker != NULL ? "upload-id-marker" : NULL,
                                     id_marker,
                                     NULL};
        const S3Request request = {
            .method = "GET", .query = query, .cleanup = cleanup, .xml = true};
        g_autoptr(S3Answer) answer = s3_ask(s3, &request, "list unfinished uploads", error);
        g_autoptr(Xml) xml =
            answer != NULL ? s3_answer_xml(answer, "list unfinished uploads", error) : NULL;
        g_autofree char *truncated = NULL;
        if (xml == NULL)
            return NULL;
        for (const XmlNode *node = xml_child(xml_root(xml), "Upload"); node != NULL;
             node = xml_next(node, "Upload"))
            read_upload(node, uploads);
        truncated = xml_text(xml_root(xml), "IsTruncated");
        g_free(key_marker);
        g_free(id_marker);
        key_marker = xml_text(xml_root(xml), "NextKeyMarker");
        id_marker = xml_text(xml_root(xml), "NextUploadIdMarker");
        more = g_strcmp0(truncated, "true") == 0 && key_marker != NULL && key_marker[0] != '\0';
    }
    return g_steal_pointer(&uploads);
}

static bool read_old_part(const XmlNode *node, GPtrArray *parts)
{
    g_autofree char *number = xml_text(node, "PartNumber");
    g_autofree char *size = xml_text(node, "Size");
    S3OldPart *part = NULL;
    /* A gap, or a part that may only be the last, ends what can be used. */
    if (number == NULL || size == NULL ||
        g_ascii_strtoull(number, NULL, 10) != (guint64)parts->len + 1 ||
        g_ascii_strtoull(size, NULL, 10) < PART_MIN_BYTES)
        return false;
    part = g_new0(S3OldPart, 1);
    part->size_bytes = g_ascii_strtoull(size, NULL, 10);
    part->etag = xml_text(node, "ETag");
    part->sha256 = xml_text(node, "ChecksumSHA256");
    g_ptr_array_add(parts, part);
    return true;
}

static GPtrArray *list_parts(S3 *s3, const char *full_key, const char *id, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(old_part_free);
    g_autofree char *marker = NULL;
    bool more = true;
    while (more) {
        const char *const query[] = {"uploadId", id, marker != NULL ? "part-number-marker" : NULL,
                                     marker, NULL};
        const S3Request request = {.method = "GET", .key = full_key, .query = query, .xml = true};
        g_autoptr(S3Answer) answer = s3_ask(s3, &request, "list the parts of an upload", error);
        g_autoptr(Xml) xml =
            answer != NULL ? s3_answer_xml(answer, "list the parts of an upload", error) : NULL;
        g_autofree char *truncated = NULL;
        bool usable = true;
        if (xml == NULL)
            return NULL;
        for (const XmlNode *node = xml_child(xml_root(xml), "Part"); usable && node != NULL;
             node = xml_next(node, "Part"))
            usable = read_old_part(node, parts);
        truncated = xml_text(xml_root(xml), "IsTruncated");
        g_free(marker);
        marker = xml_text(xml_root(xml), "NextPartNumberMarker");
        more = usable && g_strcmp0(truncated, "true") == 0 && marker != NULL;
    }
    return g_steal_pointer(&parts);
}

/* The latest upload of our key that an attempt has left; the others of it are ended. */
static bool take_up(S3Put *put, GError **error)
{
    g_autoptr(GPtrArray) uploads = s3_list_uploads(put->s3, put->full_key, false, error);
    const S3Upload *best = NULL;
    if (uploads == NULL)
        return false;
    for (guint i = 0; i < uploads->len; i++) {
        const S3Upload *upload = g_ptr_array_index(uploads, i);
        if (strcmp(upload->key, put->full_key) == 0 &&
            (best == NULL || upload->begun_us >= best->begun_us))
            best = upload;
    }
    for (guint i = 0; i < uploads->len; i++) {
        const S3Upload *upload = g_ptr_array_index(uploads, i);
        if (strcmp(upload->key, put->full_key) == 0 && upload != best &&
            !s3_abort_upload(put->s3, put->full_key, upload->id, error))
            return false;
    }
    if (best == NULL)
        return true;
    put->old_parts = list_parts(put->s3, put->full_key, best->id, error);
    if (put->old_parts == NULL)
        return false;
    put->upload = g_strdup(best->id);
    log_detail("'%s': goes on behind %u parts of an earlier attempt", put->place,
               put->old_parts->len);
    return true;
}

static bool create(S3Put *put, GError **error)
{
    static const char *const query[] = {"uploads", "", NULL};
    g_autoptr(GPtrArray) headers = g_ptr_array_new();
    g_autofree char *what = g_strdup_printf("begin to write '%s'", put->place);
    g_autoptr(S3Answer) answer = NULL;
    g_autoptr(Xml) xml = NULL;
    const char *const fixed[] = {"content-type", put->content_type, S3_PUT_ID, put->id};
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(headers, (gpointer)fixed[i]);
    s3_sse_headers(put->s3->config, headers);
    if (put->s3->config->checksum == S3_CHECKSUM_SHA256) {
        g_ptr_array_add(headers, "x-amz-checksum-algorithm");
        g_ptr_array_add(headers, "SHA256");
    }
    g_ptr_array_add(headers, NULL);
    put->begun_us = clock_wall_us();
    put->begun_twice = true; /* until an answer to the first try says otherwise */
    answer = s3_ask(put->s3,
                    &(S3Request){.method = "POST",
                                 .key = put->full_key,
                                 .query = query,
                                 .headers = (const char *const *)headers->pdata,
                                 .once = true,
                                 .xml = true},
                    what, error);
    xml = answer != NULL ? s3_answer_xml(answer, what, error) : NULL;
    put->upload = xml != NULL ? xml_text(xml_root(xml), "UploadId") : NULL;
    if (xml != NULL && (put->upload == NULL || put->upload[0] == '\0'))
        error_set(error, ERROR_IO, "cannot %s: the store gave no id for the upload", what);
    put->begun_twice = answer == NULL || answer->tries > 1;
    return put->upload != NULL && put->upload[0] != '\0';
}

/* ---- sending ---- */

static bool is_old(const S3Put *put, S3Part *part, const char *sha256)
{
    const S3OldPart *old = NULL;
    uint8_t md5[16];
    GString *hex = NULL;
    bool same = false;
    if (put->old_parts == NULL || (guint)part->number > put->old_parts->len)
        return false;
    old = g_ptr_array_index(put->old_parts, part->number - 1);
    if (old->size_bytes != part->size_bytes || old->etag == NULL)
        return false;
    hex = g_string_new("\"");
    if (hash_md5(part->data, part->size_bytes, md5)) {
        for (size_t i = 0; i < sizeof md5; i++)
            g_string_append_printf(hex, "%02x", md5[i]);
        g_string_append_c(hex, '"');
        same = strcmp(hex->str, old->etag) == 0 ||
               (hex->len > 2 && strncmp(hex->str + 1, old->etag, hex->len - 2) == 0 &&
                old->etag[hex->len - 2] == '\0');
    }
    g_string_free(hex, TRUE);
    if (old->sha256 != NULL) {
        g_autofree char *own =
            sha256 != NULL ? g_strdup(sha256) : s3_base64_sha256(part->data, part->size_bytes);
        same = strcmp(own, old->sha256) == 0;
        part->sha256 = same ? g_strdup(own) : NULL;
    }
    if (same)
        part->etag = g_strdup(old->etag);
    return same;
}

static bool send_part(S3Put *put, S3Part *part, GError **error)
{
    g_autofree char *number = g_strdup_printf("%d", part->number);
    g_autofree char *what = g_strdup_printf("write part %s of '%s'", number, put->place);
    const char *const query[] = {"partNumber", number, "uploadId", put->upload, NULL};
    g_autoptr(GPtrArray) headers = g_ptr_array_new();
    g_autofree char *md5 = NULL;
    g_autofree char *sha256 = NULL;
    const HashRaw digest = hash_raw(part->data, part->size_bytes);
    g_autoptr(S3Answer) answer = NULL;
    s3_checksum_headers(put->s3->config, part, &digest, headers, &md5, &sha256);
    g_ptr_array_add(headers, NULL);
    if (is_old(put, part, sha256))
        return true;
    answer = s3_ask(put->s3,
                    &(S3Request){.method = "PUT",
                                 .key = put->full_key,
                                 .query = query,
                                 .headers = (const char *const *)headers->pdata,
                                 .body = part->data,
                                 .body_bytes = part->size_bytes,
                                 .body_sha256 = &digest,
                                 .cancel = &put->cancelled},
                    what, error);
    if (answer == NULL || !s3_check_echo(answer, put->place, sha256, error))
        return false;
    part->etag = g_strdup(http_header(answer->http, "etag"));
    if (http_header(answer->http, "x-amz-checksum-sha256") != NULL)
        part->sha256 = g_steal_pointer(&sha256);
    if (part->etag != NULL)
        return true;
    error_set(error, ERROR_IO, "cannot %s: the store gave no tag for it", what);
    return false;
}

static void send_one(S3Put *put, S3Part *part)
{
    g_autoptr(GError) cause = NULL;
    const bool done = g_atomic_int_get(&put->cancelled) == 0 && send_part(put, part, &cause);
    g_mutex_lock(&put->mutex);
    if (!done && put->failure == NULL && cause != NULL)
        put->failure = g_steal_pointer(&cause);
    if (!done)
        g_atomic_int_set(&put->cancelled, 1);
    if (put->spare == NULL) {
        put->spare = g_steal_pointer(&part->data);
        put->spare_bytes = part->room_bytes;
    }
    g_clear_pointer(&part->data, g_free);
    put->in_flight--;
    g_cond_broadcast(&put->changed);
    g_mutex_unlock(&put->mutex);
}

/* The end of the queue, for each of the crew. */
static S3Part no_more;

static gpointer work(gpointer data)
{
    S3Put *put = data;
    S3Part *part = NULL;
    while ((part = g_async_queue_pop(put->queue)) != &no_more)
        send_one(put, part);
    return NULL;
}

static void start_crew(S3Put *put)
{
    put->queue = g_async_queue_new();
    put->crew = g_ptr_array_new();
    for (int i = 0; i < put->s3->config->parallel; i++)
        g_ptr_array_add(put->crew, g_thread_new("store", work, put));
}

static void end_crew(S3Put *put)
{
    for (guint i = 0; i < put->crew->len; i++)
        g_async_queue_push(put->queue, &no_more);
    for (guint i = 0; i < put->crew->len; i++)
        g_thread_join(g_ptr_array_index(put->crew, i));
    g_clear_pointer(&put->crew, g_ptr_array_unref);
}

/* Until at most this many are under way. */
static bool wait_for_parts(S3Put *put, int most, GError **error)
{
    bool good = true;
    g_mutex_lock(&put->mutex);
    while (put->in_flight > most && put->failure == NULL)
        g_cond_wait(&put->changed, &put->mutex);
    if (put->failure != NULL) {
        good = false;
        if (error != NULL)
            *error = g_error_copy(put->failure);
    }
    g_mutex_unlock(&put->mutex);
    return good;
}

/* One is being filled while these are sent. */
static int crew_for(const S3Put *put, size_t part_bytes)
{
    const uint64_t room = MEMORY_BYTES / MAX(part_bytes, 1);
    return (int)CLAMP((int64_t)room - 1, 1, put->s3->config->parallel);
}

static bool begin(S3Put *put, GError **error)
{
    if (put->resume && !take_up(put, error))
        return false;
    if (put->upload == NULL && !create(put, error))
        return false;
    start_crew(put);
    return true;
}

/* The size of the first part was chosen before it was known what is there already: then the parts
 * of the earlier attempt are of no use, but for their numbers. */
static void forget_old_parts(S3Put *put, const S3Part *first)
{
    if (put->old_parts == NULL || put->old_parts->len == 0 ||
        ((S3OldPart *)g_ptr_array_index(put->old_parts, 0))->size_bytes == first->size_bytes)
        return;
    g_ptr_array_set_size(put->old_parts, 0);
}

bool s3_multipart_send(S3Put *put, S3Part *part, GError **error)
{
    if (put->crew == NULL) {
        if (!begin(put, error)) {
            s3_part_free(part);
            return false;
        }
        forget_old_parts(put, part);
    }
    if (part->number > MAX_PARTS) {
        s3_part_free(part);
        error_set(error, ERROR_IO, "'%s' is larger than an object can be", put->place);
        return false;
    }
    g_ptr_array_add(put->parts, part);
    if (!wait_for_parts(put, crew_for(put, part->room_bytes) - 1, error))
        return false;
    g_mutex_lock(&put->mutex);
    put->in_flight++;
    g_mutex_unlock(&put->mutex);
    g_async_queue_push(put->queue, part);
    return true;
}

/* ---- the end ---- */

static char *complete_xml(const S3Put *put)
{
    GString *xml =
        g_string_new("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (guint i = 0; i < put->parts->len; i++) {
        const S3Part *part = g_ptr_array_index(put->parts, i);
        g_autofree char *etag = g_markup_escape_text(part->etag, -1);
        g_string_append_printf(xml, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag>",
                               part->number, etag);
        if (part->sha256 != NULL)
            g_string_append_printf(xml, "<ChecksumSHA256>%s</ChecksumSHA256>", part->sha256);
        g_string_append(xml, "</Part>");
    }
    g_string_append(xml, "</CompleteMultipartUpload>");
    return g_string_free(xml, FALSE);
}

/* What most stores give as the tag of the whole: MD5 of the parts' MD5s, and their number. NULL if
 * the parts' tags are no MD5s. */
static char *etag_of_parts(const S3Put *put)
{
    g_autoptr(GByteArray) all = g_byte_array_new();
    GString *text = NULL;
    uint8_t md5[16];
    for (guint i = 0; i < put->parts->len; i++) {
        const char *at = ((S3Part *)g_ptr_array_index(put->parts, i))->etag;
        at += at[0] == '"';
        for (int j = 0; j < 16; j++, at += 2) {
            const guint8 byte = (guint8)((g_ascii_xdigit_value(at[0]) << 4) |
                                         (at[0] != '\0' ? g_ascii_xdigit_value(at[1]) : 0));
            if (!g_ascii_isxdigit(at[0]) || !g_ascii_isxdigit(at[1]))
                return NULL;
            g_byte_array_append(all, &byte, 1);
        }
        if (at[0] != '\0' && at[0] != '"')
            return NULL;
    }
    if (!hash_md5(all->data, all->len, md5))
        return NULL;
    text = g_string_new(NULL);
    for (size_t i = 0; i < sizeof md5; i++)
        g_string_append_printf(text, "%02x", md5[i]);
    g_string_append_printf(text, "-%u", put->parts->len);
    return g_string_free(text, FALSE);
}

static S3Answer *send_complete(S3Put *put, const char *body, bool if_absent, GError **error)
{
    const char *const query[] = {"uploadId", put->upload, NULL};
    const char *const headers[] = {"content-type", "application/xml",
                                   if_absent ? "if-none-match" : NULL, "*", NULL};
    const S3Request request = {.method = "POST",
                               .key = put->full_key,
                               .query = query,
                               .headers = headers,
                               .body = body,
                               .body_bytes = strlen(body),
                               .patience = COMPLETE_PATIENCE,
                               .xml = true};
    put->may_exist = true;
    return s3_send(put->s3, &request, error);
}

/* Not all stores know a condition here; those that ignore it are asked right before. */
static bool check_absent(const S3Put *put, GError **error)
{
    g_auto(S3Head) head = {0};
    if (!put->if_absent)
        return true;
    if (!s3_head(put->s3, put->full_key, false, &head, error))
        return false;
    if (head.exists)
        s3_put_set_exists(put, error);
    return !head.exists;
}

/* The answer may have been lost, and a repeated request refused because all is done. */
static bool is_done(const S3Put *put)
{
    g_auto(S3Head) head = {0};
    return s3_head(put->s3, put->full_key, false, &head, NULL) && s3_put_is_ours(put, &head);
}

static bool complete(S3Put *put, GError **error)
{
    g_autofree char *what = g_strdup_printf("write '%s'", put->place);
    g_autofree char *body = complete_xml(put);
    g_autoptr(S3Answer) answer = send_complete(put, body, put->if_absent, error);
    if (answer != NULL && put->if_absent && !s3_succeeded(answer) &&
        (answer->http->status == 501 || s3_says(answer, "InvalidRequest") ||
         s3_says(answer, "InvalidArgument"))) {
        s3_answer_free(answer);
        answer = send_complete(put, body, false, error);
    }
    if (answer != NULL && s3_succeeded(answer))
        return true;
    if (is_done(put)) {
        g_clear_error(error);
        return true;
    }
    if (answer == NULL)
        g_prefix_error(error, "cannot %s: ", what);
    else if (answer->http->status == 412)
        s3_put_set_exists(put, error);
    else
        s3_set_refused(put->s3, answer, what, error);
    return false;
}

/* What the request for an id that got lost has begun. */
static void sweep_own(const S3Put *put)
{
    g_autoptr(GPtrArray) uploads = s3_list_uploads(put->s3, put->full_key, true, NULL);
    for (guint i = 0; uploads != NULL && i < uploads->len; i++) {
        const S3Upload *upload = g_ptr_array_index(uploads, i);
        const int64_t since_us = put->begun_us + put->s3->date_offset_us - SLACK_US;
        if (strcmp(upload->key, put->full_key) == 0 && upload->begun_us >= since_us)
            (void)s3_abort_upload(put->s3, put->full_key, upload->id, NULL);
    }
}

bool s3_multipart_complete(S3Put *put, GError **error)
{
    if (!wait_for_parts(put, 0, error))
        return false;
    put->final_etag = etag_of_parts(put);
    if (!check_absent(put, error) || !complete(put, error))
        return false;
    g_clear_pointer(&put->upload, g_free);
    return true;
}

void s3_multipart_end(S3Put *put)
{
    if (put->crew != NULL) {
        g_atomic_int_set(&put->cancelled, 1);
        end_crew(put);
    }
    if (put->upload != NULL) {
        g_autoptr(GError) cause = NULL;
        if (!s3_abort_upload(put->s3, put->full_key, put->upload, &cause))
            log_warning("parts of '%s' may be left behind: %s", put->place, cause->message);
    }
    if (put->begun_twice)
        sweep_own(put);
}

/* A part that was on its way when the upload was ended may come after that: then it is ended
 * again. */
bool s3_abort_upload(S3 *s3, const char *full_key, const char *id, GError **error)
{
    const char *const query[] = {"uploadId", id, NULL};
    const S3Request abort = {.method = "DELETE", .key = full_key, .query = query, .cleanup = true};
    const S3Request look = {.method = "GET", .key = full_key, .query = query, .cleanup = true};
    g_autofree char *place = s3_place(s3, full_key);
    g_autofree char *what = g_strdup_printf("end the unfinished upload of '%s'", place);
    for (int i = 0; i < ABORT_TRIES; i++) {
        g_autoptr(S3Answer) answer = s3_send(s3, &abort, error);
        g_autoptr(S3Answer) left = NULL;
        if (answer == NULL) {
            g_prefix_error(error, "cannot %s: ", what);
            return false;
        }
        if (!s3_succeeded(answer) && answer->http->status != 404) {
            s3_set_refused(s3, answer, what, error);
            return false;
        }
        left = s3_send(s3, &look, NULL);
        if (left == NULL || !s3_succeeded(left))
            return true;
    }
    error_set(error, ERROR_IO, "cannot %s: the store still has parts of it", what);
    return false;
}

bool s3_sweep(gpointer state, const char *prefix, int64_t before_us, int *count, GError **error)
{
    S3 *s3 = state;
    g_autofree char *full = s3_full_key(s3, prefix);
    g_autoptr(GPtrArray) uploads = s3_list_uploads(s3, full, false, error);
    for (guint i = 0; uploads != NULL && i < uploads->len; i++) {
        const S3Upload *upload = g_ptr_array_index(uploads, i);
        if (upload->begun_us >= before_us)
            continue;
        if (!s3_abort_upload(s3, upload->key, upload->id, error))
            return false;
        ++*count;
    }
    return uploads != NULL;
}
