/*
 * AWS Signature Version 4: what proves to a store who asks. Pure computation.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
#pragma once

#include "base/hash.h"
#include <glib.h>

typedef struct {
    const char *access_key, *secret_key;
    const char *region, *service;
    const char *method;
    const char *path;           /* encoded: sigv4_encode() */
    const char *query;          /* sigv4_query(), "" for none */
    const char *const *headers; /* name, value, ..., NULL: all of them are signed */
    const char *payload_sha256; /* hexadecimal, or UNSIGNED-PAYLOAD */
    const char *time;           /* sigv4_time(), the same as in the header x-amz-date */
} Sigv4Request;

/* Percent-encoding as it is signed: all but letters, digits, "-._~", and '/' if slashes. */
char *sigv4_encode(const char *text, bool slashes);

/* The query string of name, value, ..., NULL: encoded and sorted; to be sent and to be signed. */
char *sigv4_query(const char *const *pairs);

/* "20130524T000000Z". */
char *sigv4_time(int64_t wall_us);

/* The value of the header Authorization. All of them: the caller frees them. */
char *sigv4_authorization(const Sigv4Request *request);
