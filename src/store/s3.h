/*
 * s3://: a bucket of Amazon S3 or of what speaks like it. For src/store/s3*.c alone.
 *
 * s3.c is the backend; s3_request.c signs, sends and tries again; s3_object.c reads, lists and
 * deletes; s3_put.c writes, with s3_multipart.c for what is larger than a part.
 */
#pragma once

#include "base/hash.h"
#include "store/backend.h"
#include "store/credentials.h"
#include "store/http.h"
#include "store/s3_config.h"
#include "store/xml.h"

typedef struct {
    S3Config *config;
    HttpClient *http;
    CredentialsChain *credentials;
    GMutex mutex;            /* of what follows */
    char *region;            /* as the store has corrected it */
    int64_t clock_offset_us; /* added to our clock for signatures, since it has complained */
    int64_t date_offset_us;  /* its clock minus ours, as its last answer said */
    int64_t latest_us;       /* store_set_latest() */
} S3;

typedef struct {
    const char *method;
    const char *key;            /* with the store's prefix; NULL: the bucket */
    const char *const *query;   /* name, value, ..., NULL; or NULL */
    const char *const *headers; /* the same */
    const void *body;           /* NULL: none */
    size_t body_bytes;
    const HashRaw *body_sha256; /* NULL: not known yet */
    size_t answer_max_bytes;    /* 0: 1 MiB */
    int patience;               /* times the usual limit without a byte; 0: once */
    const int *cancel;          /* another thread sets it; may be NULL */
    bool cleanup;               /* signals and the store's limit do not end it, a short time does */
    bool once;                  /* every time that it is sent is counted as a try */
    bool xml;                   /* a status 200 may have an error in its body */
} S3Request;

typedef struct {
    HttpAnswer *http;
    char *code, *message; /* of an error; NULL where it has none */
    int tries;
} S3Answer;
void s3_answer_free(S3Answer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(S3Answer, s3_answer_free)

/* Signs and sends, anew as long as it may help; the answer may be a refusal. NULL if there is
 * none. */
S3Answer *s3_send(S3 *s3, const S3Request *request, GError **error);

bool s3_succeeded(const S3Answer *answer); /* 2xx */
bool s3_says(const S3Answer *answer, const char *code);

/* The error for a refusal: "cannot WHAT: ..." */
void s3_set_refused(const S3 *s3, const S3Answer *answer, const char *what, GError **error);

/* As s3_send(), and a refusal is an error, too. */
S3Answer *s3_ask(S3 *s3, const S3Request *request, const char *what, GError **error);

/* A refusal or an answer as XML. */
Xml *s3_answer_xml(const S3Answer *answer, const char *what, GError **error);

char *s3_full_key(const S3 *s3, const char *key);   /* with the prefix */
char *s3_place(const S3 *s3, const char *full_key); /* s3://bucket/key */

/* base64 of a digest; the caller frees it. */
char *s3_base64_sha256(const void *data, size_t size_bytes);
char *s3_base64_md5(const void *data, size_t size_bytes); /* NULL where there is no MD5 */

/* "Sun, 22 Nov 2026 13:05:01 GMT" in microseconds; 0 if it is none. */
int64_t s3_http_time(const char *text);

/* ---- s3_object.c ---- */

/* What is at a key. */
typedef struct {
    bool exists;
    uint64_t size_bytes;
    int64_t modified_us;
    char *etag, *version;  /* NULL: none */
    char *put_id, *sha256; /* what we wrote with it; NULL: not ours, or unknown there */
    StoreRetention retention;
} S3Head;
void s3_head_clear(S3Head *head);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(S3Head, s3_head_clear)

bool s3_head(S3 *s3, const char *full_key, bool cleanup, S3Head *head, GError **error);

/* A version alone, if it is not NULL. */
bool s3_delete_version(S3 *s3, const char *full_key, const char *version, bool cleanup,
                       GError **error);

/* Sets a lock and reads it back. */
bool s3_lock(S3 *s3, const char *full_key, const char *version, const StoreRetention *retention,
             GError **error);

Source *s3_get(gpointer state, const char *key, uint64_t offset, uint64_t length_bytes,
               GError **error);
bool s3_head_object(gpointer state, const char *key, StoreObject **object, GError **error);
bool s3_list(gpointer state, const char *prefix, GPtrArray *objects, GError **error);
bool s3_delete(gpointer state, const char *key, GError **error);
bool s3_take_back(gpointer state, const char *key, GError **error);
bool s3_set_retention(gpointer state, const char *key, const StoreRetention *retention,
                      GError **error);

/* ---- s3_put.c ---- */

#define S3_PUT_ID "x-amz-meta-drydock-put"
#define S3_SHA256 "x-amz-meta-drydock-sha256"

Sink *s3_put(gpointer state, const char *key, const StorePutOptions *options, GError **error);

/* ---- s3_multipart.c ---- */

/* An upload that somebody has begun and not ended. */
typedef struct {
    char *key, *id;
    int64_t begun_us;
} S3Upload;

/* S3Upload of all that are begun under keys with this prefix; NULL on error. */
GPtrArray *s3_list_uploads(S3 *s3, const char *full_prefix, bool cleanup, GError **error);

/* Ends an upload and sees that nothing of it is left. */
bool s3_abort_upload(S3 *s3, const char *full_key, const char *id, GError **error);

bool s3_sweep(gpointer state, const char *prefix, int64_t before_us, int *count, GError **error);
