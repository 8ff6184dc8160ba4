<?php
// Answers with Lumen, Laravel's small sibling, served by PHP's own server.

require 'Laravel/Lumen/autoload.php';

$app = new Laravel\Lumen\Application(__DIR__);

$app->router->get('/', fn () => response()->json([
    'framework' => 'lumen',
    'version' => preg_replace('/^Lumen \(([^)]*)\).*/', '$1', $app->version()),
    'language' => 'php',
]));
$app->router->get('/healthz', fn () => "ok\n");

$app->run();
