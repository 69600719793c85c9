/*
 * s3://: putting an object. What fits into a part is one request; more goes through
 * s3_multipart.c. An object carries an id of its put, so that after a lost answer it can be told
 * whether what is at the key is ours.
 */
#include "store/s3_put.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include <string.h>

#define LOOKS 3
#define LOOK_AGAIN_US 300000

/* ---- headers ---- */

void s3_checksum_headers(const S3Config *config, const S3Part *part, const HashRaw *digest,
                         GPtrArray *headers, char **md5, char **sha256)
{
    if (config->checksum == S3_CHECKSUM_SHA256) {
        *sha256 = g_base64_encode(digest->bytes, sizeof digest->bytes);
        g_ptr_array_add(headers, "x-amz-checksum-sha256");
        g_ptr_array_add(headers, *sha256);
    } else if (config->checksum == S3_CHECKSUM_MD5) {
        *md5 = s3_base64_md5(part->data, part->size_bytes);
        if (*md5 != NULL) {
            g_ptr_array_add(headers, "content-md5");
            g_ptr_array_add(headers, *md5);
        }
    }
}

void s3_sse_headers(const S3Config *config, GPtrArray *headers)
{
    if (config->sse != NULL) {
        g_ptr_array_add(headers, "x-amz-server-side-encryption");
        g_ptr_array_add(headers, config->sse);
    }
    if (config->sse_key != NULL) {
        g_ptr_array_add(headers, "x-amz-server-side-encryption-aws-kms-key-id");
        g_ptr_array_add(headers, config->sse_key);
    }
}

bool s3_check_echo(const S3Answer *answer, const char *place, const char *sha256, GError **error)
{
    const char *echo = http_header(answer->http, "x-amz-checksum-sha256");
    if (echo == NULL || sha256 == NULL || strcmp(echo, sha256) == 0)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "the store has got other bytes for '%s' than were sent: its checksum differs", place);
    return false;
}

void s3_put_set_exists(const S3Put *put, GError **error)
{
    store_set_exists(put->place, error);
}

/* A resumed upload has the id of the attempt that began it: there the entity tag tells. */
bool s3_put_is_ours(const S3Put *put, const S3Head *head)
{
    if (!head->exists || head->size_bytes != put->total_bytes)
        return false;
    return g_strcmp0(head->put_id, put->id) == 0 ||
           (put->old_parts != NULL && put->final_etag != NULL &&
            g_strcmp0(head->etag, put->final_etag) == 0);
}

/* ---- one request ---- */

static S3Answer *send_whole(S3Put *put, bool if_absent, GError **error)
{
    const S3Part *part = put->filling;
    g_autoptr(GPtrArray) headers = g_ptr_array_new();
    g_autofree char *md5 = NULL;
    g_autofree char *sha256 = NULL;
    const HashRaw digest = hash_raw(part->data, part->size_bytes);
    const HashHex content = hash_raw_to_hex(&digest);
    const char *const fixed[] = {"content-type", put->content_type, S3_PUT_ID,
                                 put->id,        S3_SHA256,         content.hex};
    g_autoptr(S3Answer) answer = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(headers, (gpointer)fixed[i]);
    s3_checksum_headers(put->s3->config, part, &digest, headers, &md5, &sha256);
    s3_sse_headers(put->s3->config, headers);
    if (if_absent) {
        g_ptr_array_add(headers, "if-none-match");
        g_ptr_array_add(headers, "*");
    }
    g_ptr_array_add(headers, NULL);
    put->may_exist = true;
    answer = s3_send(put->s3,
                     &(S3Request){.method = "PUT",
                                  .key = put->full_key,
                                  .headers = (const char *const *)headers->pdata,
                                  .body = part->data,
                                  .body_bytes = part->size_bytes,
                                  .body_sha256 = &digest,
                                  .xml = true},
                     error);
    if (answer != NULL && s3_succeeded(answer) && !s3_check_echo(answer, put->place, sha256, error))
        return NULL;
    return g_steal_pointer(&answer);
}

/* Stores that know no conditions say so with one of these; the key was looked at before. */
static bool knows_no_condition(const S3Answer *answer)
{
    return answer->http->status == 501 || s3_says(answer, "NotImplemented") ||
           s3_says(answer, "InvalidArgument") || s3_says(answer, "InvalidRequest");
}

static bool put_whole(S3Put *put, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *what = g_strdup_printf("write '%s'", put->place);
    g_autoptr(S3Answer) answer = send_whole(put, put->if_absent, &cause);
    if (answer != NULL && !s3_succeeded(answer) && put->if_absent && knows_no_condition(answer)) {
        s3_answer_free(answer);
        answer = send_whole(put, false, &cause);
    }
    if (answer == NULL) {
        put->may_exist = !error_is(cause, ERROR_CONFIG); /* then nothing was sent */
        g_propagate_prefixed_error(error, g_steal_pointer(&cause), "cannot %s: ", what);
        return false;
    }
    if (s3_succeeded(answer))
        return true;
    if (answer->http->status == 412) {
        /* Ours, if the answer to an earlier try was lost. */
        g_auto(S3Head) head = {0};
        const bool known = s3_head(put->s3, put->full_key, false, &head, NULL);
        if (known && s3_put_is_ours(put, &head))
            return true;
        put->may_exist = !known;
        s3_put_set_exists(put, error);
        return false;
    }
    s3_set_refused(put->s3, answer, what, error);
    return false;
}

/* ---- the sink ---- */

static bool put_write(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    S3Put *put = (S3Put *)sink;
    const uint8_t *at = data;
    while (size_bytes > 0) {
        size_t taken = 0;
        if (put->filling != NULL && put->filling->size_bytes == put->filling->room_bytes &&
            !s3_multipart_send(put, g_steal_pointer(&put->filling), error))
            return false;
        if (put->filling == NULL)
            put->filling = s3_part_new(put, error);
        if (put->filling == NULL)
            return false;
        taken = MIN(size_bytes, put->filling->room_bytes - put->filling->size_bytes);
        memcpy(put->filling->data + put->filling->size_bytes, at, taken);
        put->filling->size_bytes += taken;
        put->total_bytes += taken;
        at += taken;
        size_bytes -= taken;
    }
    return true;
}

/* The store's own word, besides the checksums that it has compared. */
static bool verify(S3Put *put, S3Head *head, GError **error)
{
    if (!s3_head(put->s3, put->full_key, false, head, error))
        return false;
    if (s3_put_is_ours(put, head) || (put->old_parts != NULL && put->final_etag == NULL &&
                                      head->exists && head->size_bytes == put->total_bytes))
        return true;
    error_set(error, ERROR_INTEGRITY,
              "'%s' was written, and the store now has something else there, or nothing",
              put->place);
    error_hint_set(error, "does somebody else write to the same place?");
    return false;
}

static bool put_commit(Sink *sink, GError **error)
{
    S3Put *put = (S3Put *)sink;
    g_auto(S3Head) head = {0};
    if (interrupt_check(error))
        return false;
    if (put->filling == NULL && put->upload == NULL)
        put->filling = s3_part_new(put, error);
    if (put->filling == NULL && put->upload == NULL)
        return false;
    if (put->upload == NULL ? !put_whole(put, error)
                            : (put->filling != NULL &&
                               !s3_multipart_send(put, g_steal_pointer(&put->filling), error)) ||
                                  !s3_multipart_complete(put, error))
        return false;
    return verify(put, &head, error) &&
           (put->retention.lock == STORE_LOCK_NONE ||
            s3_lock(put->s3, put->full_key, head.version, &put->retention, error));
}

/* What was sent may have arrived though nobody said so; what is ours goes. */
static void take_back(const S3Put *put)
{
    for (int i = 0; i < LOOKS; i++) {
        g_auto(S3Head) head = {0};
        g_autoptr(GError) cause = NULL;
        if (i > 0)
            g_usleep(LOOK_AGAIN_US);
        if (s3_head(put->s3, put->full_key, true, &head, &cause) && s3_put_is_ours(put, &head) &&
            s3_delete_version(put->s3, put->full_key, head.version, true, &cause))
            return;
        if (cause != NULL) {
            log_warning("'%s' may be left behind: %s", put->place, cause->message);
            return;
        }
    }
}

static void put_discard(Sink *sink)
{
    S3Put *put = (S3Put *)sink;
    s3_multipart_end(put);
    if (!sink->committed && put->may_exist)
        take_back(put);
    if (put->filling != NULL)
        s3_part_free(put->filling);
    g_free(put->spare);
    g_free(put->full_key);
    g_free(put->place);
    g_free(put->content_type);
    g_free(put->id);
    g_free(put->final_etag);
    g_free(put->upload);
    g_clear_pointer(&put->queue, g_async_queue_unref);
    g_ptr_array_unref(put->parts);
    g_clear_pointer(&put->old_parts, g_ptr_array_unref);
    g_clear_error(&put->failure);
    g_mutex_clear(&put->mutex);
    g_cond_clear(&put->changed);
}

static S3Put *put_new(S3 *s3, const char *key, const StorePutOptions *options)
{
    static const SinkKind kind = {put_write, put_commit, put_discard};
    S3Put *put = g_new0(S3Put, 1);
    put->sink.kind = &kind;
    put->s3 = s3;
    put->full_key = s3_full_key(s3, key);
    put->place = s3_place(s3, put->full_key);
    put->if_absent = options->if_absent;
    put->resume = options->resume;
    put->content_type = g_strdup(options->content_type != NULL ? options->content_type
                                                               : "application/octet-stream");
    put->size_hint_bytes = options->size_hint_bytes;
    put->retention = options->retention;
    if (put->retention.lock == STORE_LOCK_NONE && s3->config->retain != STORE_LOCK_NONE) {
        put->retention.lock = s3->config->retain;
        put->retention.until_us = clock_wall_us() + s3->config->retain_ms * 1000;
    }
    put->id = g_uuid_string_random();
    put->parts = g_ptr_array_new_with_free_func((GDestroyNotify)s3_part_free);
    g_mutex_init(&put->mutex);
    g_cond_init(&put->changed);
    return put;
}

/* A store that knows conditions refuses at the end as well; the others are asked now. */
Sink *s3_put(gpointer state, const char *key, const StorePutOptions *options, GError **error)
{
    S3 *s3 = state;
    S3Put *put = put_new(s3, key, options);
    g_auto(S3Head) head = {0};
    if (!options->if_absent)
        return &put->sink;
    if (s3_head(s3, put->full_key, false, &head, error)) {
        if (!head.exists)
            return &put->sink;
        s3_put_set_exists(put, error);
    }
    sink_free(&put->sink);
    return NULL;
}
