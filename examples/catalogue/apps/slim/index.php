<?php
// Answers with Slim, served by PHP's own server.

require 'Slim/autoload.php';

$app = new Slim\App();

$app->get('/', fn ($request, $response) => $response->withJson([
    'framework' => 'slim',
    'version' => Slim\App::VERSION,
    'language' => 'php',
]));
$app->get('/healthz', fn ($request, $response) => $response->write("ok\n"));

$app->run();
