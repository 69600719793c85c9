/*
 * One object named by a whole URL: s3://bucket/prefix/white_cross.tar.age?region=... is the object
 * white_cross.tar.age in the store s3://bucket/prefix?region=...
 */
#pragma once

#include "store/store.h"

/* Whether it has the form of a URL; else it is a path. */
bool store_url_is(const char *text);

/* The object's name: the last part of the path, its percent form decoded. The caller frees it. */
char *store_url_name(const char *url);

/* As store_get() of all of it. */
Source *store_url_get(const char *url, GError **error);

/* As store_put(). */
Sink *store_url_put(const char *url, const StorePutOptions *options, GError **error);
