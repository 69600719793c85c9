/*
 * HTTP requests, one at a time for each thread that sends, over connections that are kept; the only
 * place that includes libcurl. A status is an answer and no error; nothing is followed, and nothing
 * is tried again here.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HttpClient HttpClient;

typedef struct {
    const char *ca_file; /* certificates to trust; NULL: the system's */
    int64_t connect_ms;  /* limits; 0: 10 s, 30 s */
    int64_t stall_ms;    /* this long without a byte in either direction */
    bool direct;         /* past any proxy of the environment */
} HttpSettings;

typedef struct {
    const char *method, *url;
    const char *const *headers; /* name, value, ..., NULL */
    const void *body;           /* NULL: none */
    size_t body_bytes;
    size_t answer_max_bytes; /* more is an error; 0: 1 MiB */
    int64_t stall_ms;        /* 0: that of the client */
    int64_t latest_us;       /* monotonic clock; 0: no limit */
    const int *cancel;       /* another thread sets it; may be NULL */
    bool shielded;           /* signals do not end it */
    bool once;               /* over a new connection: where a kept one turns out to be dead, the
                                request is sent again, and might have been obeyed before */
} HttpRequest;

typedef struct {
    int status;
    GHashTable *headers; /* lower-case names; the last of each name */
    GByteArray *body;
    int64_t retry_after_ms; /* -1: not said */
} HttpAnswer;

HttpClient *http_client_new(const HttpSettings *settings);
void http_client_free(HttpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpClient, http_client_free)

/* ERROR_CONNECTION for what another try may mend; ERROR_CONFIG for certificates that are not
 * trusted; ERROR_TIMEOUT behind latest_us; ERROR_INTERRUPTED after a signal or *cancel. Messages
 * name the host, never headers or a query. */
HttpAnswer *http_send(HttpClient *client, const HttpRequest *request, GError **error);
void http_answer_free(HttpAnswer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpAnswer, http_answer_free)

/* NULL if there is none; name in lower case. */
const char *http_header(const HttpAnswer *answer, const char *name);
