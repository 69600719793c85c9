/* What a put consists of; for s3_put.c and s3_multipart.c. */
#pragma once

#include "store/s3.h"

/* A part that is, or was, on its way. */
typedef struct {
    int number; /* from 1 */
    uint8_t *data;
    size_t size_bytes, room_bytes;
    char *etag;   /* as the store gave it; NULL until then */
    char *sha256; /* base64, if the store has confirmed it */
} S3Part;

/* A part that an attempt that died has left. */
typedef struct {
    uint64_t size_bytes;
    char *etag, *sha256;
} S3OldPart;

typedef struct {
    Sink sink;
    S3 *s3;
    char *full_key, *place;
    bool if_absent, resume;
    char *content_type;
    uint64_t size_hint_bytes, total_bytes;
    StoreRetention retention;
    char *id;         /* tells our object from others of the same key */
    bool may_exist;   /* something was sent that makes the object visible */
    char *final_etag; /* that of the finished object, if it can be known */
    S3Part *filling;
    /* several parts */
    char *upload;         /* NULL: none begun */
    GPtrArray *parts;     /* S3Part, by number */
    GPtrArray *old_parts; /* S3OldPart, by number; NULL: none */
    bool begun_twice;     /* there may be another upload of ours, whose id got lost */
    int64_t begun_us;
    GPtrArray *crew;    /* GThread; NULL: none yet */
    GAsyncQueue *queue; /* S3Part, for the crew */
    GMutex mutex;       /* of what follows */
    GCond changed;
    int in_flight;
    uint8_t *spare; /* a buffer to use again */
    size_t spare_bytes;
    GError *failure; /* the first */
    int cancelled;   /* atomic */
} S3Put;

/* Headers with the checksums of a part, whose SHA-256 is digest; what they need is kept in *md5
 * and *sha256. */
void s3_checksum_headers(const S3Config *config, const S3Part *part, const HashRaw *digest,
                         GPtrArray *headers, char **md5, char **sha256);
void s3_sse_headers(const S3Config *config, GPtrArray *headers);

/* Whether the store has taken what was sent, by what it says of it: ERROR_INTEGRITY if not. */
bool s3_check_echo(const S3Answer *answer, const char *place, const char *sha256, GError **error);

/* Whether the object at the key is the one of this put. */
bool s3_put_is_ours(const S3Put *put, const S3Head *head);
void s3_put_set_exists(const S3Put *put, GError **error);

/* How large a part may be. */
size_t s3_part_bytes(const S3Put *put, int number);

S3Part *s3_part_new(S3Put *put, GError **error);
void s3_part_free(S3Part *part);

/* Sends a full part, waiting until there is room for another; takes the part. */
bool s3_multipart_send(S3Put *put, S3Part *part, GError **error);

/* Waits for all parts and makes the object of them. */
bool s3_multipart_complete(S3Put *put, GError **error);

/* Ends everything that is under way; nothing of it is left. */
void s3_multipart_end(S3Put *put);
